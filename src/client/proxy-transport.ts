/** Requests through a proxy, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. */
import { lastValues, MAX_ANSWER_BYTES, type Transport } from "./transport.js";
import { TransportFailure, transportFailureOf } from "./transport-failure.js";

/** The values of the environment's variables of these names. */
export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
}

export interface ProxyTarget {
  readonly origin: string;
  readonly basePath: string;
  readonly proxy: ProxySettings;
  readonly timeoutMs: number;
}

export async function createProxyTransport({ origin, basePath, proxy, timeoutMs }: ProxyTarget): Promise<Transport> {
  const { EnvHttpProxyAgent, request } = await import("undici");
  // Empty values, not missing ones: for what is missing the agent would look into the environment itself.
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy.httpProxy ?? "",
    httpsProxy: proxy.httpsProxy ?? "",
    noProxy: proxy.noProxy ?? "",
    maxResponseSize: MAX_ANSWER_BYTES,
  });
  return {
    name: origin + basePath,
    basePath,
    async send({ method, path, headers, body }) {
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const answer = await request(origin + path, { dispatcher: agent, method, headers, body, signal });
        const text = await answer.body.text();
        return { status: answer.statusCode, headers: lastValues(answer.headers), body: text };
      } catch (error) {
        throw isTooLarge(error)
          ? new TransportFailure("too-large", `its answer is longer than ${MAX_ANSWER_BYTES} bytes`, error)
          : transportFailureOf(error);
      }
    },
    close: () => agent.close(),
  };
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "UND_ERR_RES_EXCEEDED_MAX_SIZE";
}
