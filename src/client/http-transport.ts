/**
 * Requests over node:http and node:https: they are part of Node's start-up image, where loading undici costs a short command
 * twice its time. Only a proxy brings undici in (proxy-transport.ts).
 */
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import { WhcbError } from "../domain/errors.js";
import type { ProxySettings } from "./proxy-transport.js";
import { lastValues, MAX_ANSWER_BYTES, type Transport, type TransportRequest, type TransportResponse } from "./transport.js";
import { TransportFailure, transportFailureOf } from "./transport-failure.js";

export interface HttpTarget {
  /** http or https; a path in it comes before every route. */
  readonly url: string;
  /** HTTP_PROXY and the like, as values. */
  readonly proxy?: ProxySettings;
  /** Of one request, from its start to the answer's last byte. Default 60 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_SOCKETS = 8;

/** Throws `config` for a URL that isn't one. */
export async function createHttpTransport(target: HttpTarget): Promise<Transport> {
  const url = parseServiceUrl(target.url);
  const basePath = url.pathname.replace(/\/+$/, "");
  const { proxy } = target;
  const timeoutMs = target.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (proxy?.httpProxy || proxy?.httpsProxy) {
    const { createProxyTransport } = await import("./proxy-transport.js");
    return createProxyTransport({ origin: url.origin, basePath, proxy, timeoutMs });
  }
  const { request, Agent } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const agent: HttpAgent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  return {
    name: url.origin + basePath,
    basePath,
    send: (message) =>
      exchange(
        request(url.origin + message.path, {
          method: message.method,
          headers: headersOf(message),
          agent,
          signal: AbortSignal.timeout(timeoutMs),
        }),
        message.body,
      ),
    async close() {
      agent.destroy();
    },
  };
}

/** Throws `config`. */
export function parseServiceUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new WhcbError("config", `the service's URL is no http or https URL: ${text.replace(/\/\/[^/@]*@/, "//…@")}`);
  }
  return url;
}

function headersOf(message: TransportRequest): Record<string, string | number> {
  return message.body === null ? message.headers : { ...message.headers, "content-length": Buffer.byteLength(message.body) };
}

function exchange(request: ClientRequest, body: string | null): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(transportFailureOf(error));
    request.on("error", fail);
    request.on("response", (answer) => collect(answer).then(resolve, fail));
    request.end(body ?? undefined);
  });
}

async function collect(answer: IncomingMessage): Promise<TransportResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      throw new TransportFailure("too-large", `its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, headers: lastValues(answer.headers), body: Buffer.concat(chunks).toString("utf8") };
}
