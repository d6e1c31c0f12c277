/** Links are absolute, with the client's host and scheme. */
import type { FastifyRequest } from "fastify";
import type { Link } from "../../wire/links.js";
import { type ResourceKind, vendorType } from "../../wire/media-types.js";
import { schemeOf } from "../auth/request-origin.js";

export type Parameters = readonly (readonly [name: string, value: string])[];

interface LinkTarget {
  readonly rel: string;
  readonly method: string;
  readonly kind: ResourceKind;
  readonly path: string;
  readonly parameters?: Parameters;
}

export class Linker {
  readonly #origin: string;
  readonly #host: string;
  readonly #port: number;
  readonly #format: "json" | "xml";
  /** Links repeat a key that the query has, as older clients send it. */
  readonly #apiKey: Parameters;

  constructor(request: FastifyRequest) {
    const [, host = "localhost", port] = /^(.*?)(?::(\d{1,5}))?$/.exec(request.host || "localhost") ?? [];
    const protocol = schemeOf(request);
    const isDefaultPort = port === undefined || port === (protocol === "https" ? "443" : "80");
    this.#origin = `${protocol}://${host}${isDefaultPort ? "" : `:${port}`}`;
    this.#host = host;
    this.#port = isDefaultPort ? -1 : Number(port);
    this.#format = request.negotiated?.format ?? "json";
    const { apikey } = request.query as { readonly apikey?: unknown };
    this.#apiKey = typeof apikey === "string" && request.headers["x-api-key"] === undefined ? [["apikey", apikey]] : [];
  }

  uri(path: string, parameters: Parameters = []): string {
    const all = [...parameters, ...this.#apiKey];
    const query = all.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
    return this.#origin + path + (query && `?${query}`);
  }

  link({ rel, method, kind, path, parameters = [] }: LinkTarget): Link {
    return {
      uri: this.uri(path, parameters),
      rel,
      method,
      type: vendorType(kind, this.#format),
      host: this.#host,
      port: this.#port,
    };
  }
}

/** The links have the order of docs/contract.md. */
export function callbackLinks(linker: Linker, id: string): Link[] {
  const path = `/callbacks/${id}`;
  return [
    linker.link({ rel: "self", method: "GET", kind: "callback", path }),
    linker.link({ rel: "updateCallback", method: "PUT", kind: "callback", path }),
    linker.link({ rel: "deleteCallback", method: "DELETE", kind: "callback", path }),
    linker.link({ rel: "retrieveCallbackHistory", method: "GET", kind: "call", path: `${path}/calls` }),
  ];
}

export function callLinks(linker: Linker, callbackId: string, callId: string): Link[] {
  const path = `/callbacks/${callbackId}/calls`;
  return [
    linker.link({ rel: "updateCallbackHistory", method: "PUT", kind: "call", path, parameters: [["id", callId]] }),
    linker.link({ rel: "self", method: "GET", kind: "call", path: `${path}/${callId}` }),
  ];
}
