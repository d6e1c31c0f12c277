/** The same service is called over a socket or in process, in JSON or in XML. */
import type { FastifyInstance } from "fastify";
import { request as undiciRequest } from "undici";
import type { BodyFormat } from "../../../src/domain/callback.js";
import { type JsonObject, listOf, objectOf, textOf } from "../../../src/wire/json/json-value.js";
import { readXml } from "../../../src/wire/xml/xml-read.js";
import { toXml, type XmlShape } from "../../../src/wire/xml/xml-write.js";
import { CREDENTIALS } from "./server-fixture.js";

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

export type Transport = (request: RawRequest) => Promise<RawAnswer>;

export function inProcess(app: FastifyInstance): Transport {
  return async ({ method, path, headers, body }) => {
    const answer = await app.inject({
      method: method as "GET",
      url: path,
      ...(headers && { headers }),
      ...(body !== undefined && { payload: body }),
    });
    return { status: answer.statusCode, headers: flat(answer.headers), text: answer.body };
  };
}

/** `origin` is that of a listening app. */
export function overHttp(origin: string): Transport {
  return async ({ method, path, headers, body }) => {
    const answer = await undiciRequest(origin + path, { method, headers: { ...headers }, body: body ?? null });
    return { status: answer.statusCode, headers: flat(answer.headers), text: await answer.body.text() };
  };
}

function flat(headers: object): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value === undefined ? undefined : String(value)]),
  );
}

export interface Answer extends RawAnswer {
  /** XML's document is that of JSON, but with numbers and booleans as text. */
  readonly document: JsonObject;
}

export class Caller {
  readonly format: BodyFormat;
  readonly #transport: Transport;

  constructor(transport: Transport, format: BodyFormat) {
    this.#transport = transport;
    this.format = format;
  }

  get(path: string): Promise<Answer> {
    return this.#send({ method: "GET", path });
  }

  delete(path: string): Promise<Answer> {
    return this.#send({ method: "DELETE", path });
  }

  send(method: string, path: string, shape: XmlShape, document: JsonObject): Promise<Answer> {
    const body = this.format === "json" ? JSON.stringify(document) : toXml(shape, document).toString();
    return this.#send({ method, path, headers: { "content-type": `application/${this.format}` }, body });
  }

  /** Sends a body as it is. */
  sendText(method: string, path: string, body: string): Promise<Answer> {
    return this.#send({ method, path, headers: { "content-type": `application/${this.format}` }, body });
  }

  async #send(request: RawRequest): Promise<Answer> {
    const headers = { ...CREDENTIALS, accept: `application/${this.format}`, ...request.headers };
    const answer = await this.#transport({ ...request, headers });
    return { ...answer, document: this.#read(answer.text) };
  }

  #read(text: string): JsonObject {
    if (text === "") return {};
    return this.format === "json" ? objectOf(JSON.parse(text)) : readXml(text).value;
  }

  /** Returns the items of a list, in either form. */
  items(document: JsonObject, name: "callbacks" | "calls" | "attempts" | "outages"): readonly JsonObject[] {
    if (this.format === "json") return listOf(document[name]).map(objectOf);
    const singular = name.slice(0, -1);
    const around = name === "calls" ? document : objectOf(document[name]);
    return listOf(around[singular]).map(objectOf);
  }

  /** Returns path and query of rel=next. XML's page links of callbacks are attributes, which only the raw text has. */
  next({ document, text }: Answer): string | null {
    if (this.format === "json") {
      const next = listOf(document.link)
        .map(objectOf)
        .find(({ rel }) => rel === "next");
      return next === undefined ? null : pathOf(textOf(next.uri));
    }
    const uri = /<ns2:link uri="([^"]*)" rel="next"|<uri>([^<]*)<\/uri><rel>next</.exec(text)?.slice(1).find(Boolean);
    return uri === undefined ? null : pathOf(uri.replaceAll("&amp;", "&"));
  }

  /** Returns a value as this form says it: XML knows text only. */
  said(value: string | number | boolean | null): string | number | boolean | null {
    return this.format === "json" ? value : String(value ?? "");
  }
}

function pathOf(uri: string): string {
  const { pathname, search } = new URL(uri);
  return pathname + search;
}
