/** Uses node:http, since importing undici doubles the run time of a short command. */
import { isUtf8 } from "node:buffer";
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { systemErrorCode, WhcbError } from "../domain/errors.js";
import { parseUrl, parseWebUrl } from "../domain/mask.js";
import type { Timers } from "../platform/clock.js";
import { isLocalName, isOwnHost } from "../platform/loopback.js";
import type { Random } from "../platform/random.js";
import { tlsOptions } from "../platform/tls-options.js";
import { CollectedBytes } from "../wire/collected-bytes.js";
import {
  lastHeaderValues,
  MAX_ANSWER_BYTES,
  REQUEST_TIME_LIMIT_MS,
  type Transport,
  TransportFailure,
  type TransportFailureReason,
  type TransportRequest,
  type TransportResponse,
} from "./transport.js";

export interface HttpTarget {
  /** Its path is the base path. */
  readonly url: string;
  readonly timers: Timers;
  readonly proxy?: ProxySettings;
  /** The time counts to the last byte of the answer. The default is REQUEST_TIME_LIMIT_MS. */
  readonly timeoutMs?: number;
  /**
   * Called before each connection but those through a proxy is opened. What it returns is called once that is open, before anything is sent on
   * it, and says whether the service itself is at the other end.
   */
  readonly expectService?: (() => SocketCheck) | undefined;
  /** Where another program has got the connection, the request goes once more, from a random port. Without `random` it doesn't. */
  readonly random?: Random;
}

export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  /** The proxy is used for this machine and .local names too. By default it isn't, as it would get the credentials in clear. */
  readonly includesLocal?: boolean;
}

type Connector = import("undici").buildConnector.connector;
type SocketCheck = (socket: Socket) => Promise<boolean>;

const MAX_SOCKETS = 8;
const NO_ANSWER = "no answer in time";

/** Throws `config` for an invalid URL. */
export async function createHttpTransport(target: HttpTarget): Promise<Transport> {
  const url = parseServiceUrl(target.url);
  const basePath = url.pathname.replace(/(?<!\/)\/+$/, "");
  const { timers, proxy } = target;
  const timeoutMs = target.timeoutMs ?? REQUEST_TIME_LIMIT_MS;
  // AbortSignal.timeout takes a millisecond more, and doesn't know of a stop.
  const startTimeout = ({ timeLimitMs = timeoutMs, giveUp }: TransportRequest, end: (failure: TransportFailure) => void) => {
    const endNow = (): void => end(new TransportFailure("timeout", NO_ANSWER));
    const cancel = timers.after(timeLimitMs, endNow);
    giveUp?.addEventListener("abort", endNow, { once: true });
    if (giveUp?.aborted) endNow();
    return () => {
      cancel();
      giveUp?.removeEventListener("abort", endNow);
    };
  };
  const isLocal = isOwnHost(url.hostname) || isLocalName(url.hostname);
  if (proxy !== undefined && (proxy.httpProxy || proxy.httpsProxy) && (proxy.includesLocal === true || !isLocal)) {
    return createProxyTransport(url.origin, basePath, target, startTimeout);
  }
  // import() would load Node's ESM loader: 4 ms.
  const { request, Agent } = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
  const agent: HttpAgent = new Agent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    ...(url.protocol === "https:" && tlsOptions()),
  });
  const isServices = target.expectService && checkConnections(agent, target.expectService);
  return {
    name: url.origin + basePath,
    basePath,
    send(message) {
      let sent: ClientRequest;
      const sendFrom = (localPort?: number) => {
        const options = { method: message.method, headers: headersOf(message), agent, localPort };
        sent = request(url.origin + message.path, options);
        return exchange(sent, message.body, isServices);
      };
      const answered = sendFrom().catch((error: unknown) => {
        if (!(error instanceof OtherProgram) || target.random === undefined) throw error;
        return sendFrom(otherPort(target.random));
      });
      const cancel = startTimeout(message, (failure) => sent.destroy(failure));
      return answered.finally(cancel);
    },
    async close() {
      agent.destroy();
    },
  };
}

function parseServiceUrl(text: string): URL {
  const url = parseUrl(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new WhcbError("config", "the service's URL must be an http or https URL");
  }
  return url;
}

function headersOf(message: TransportRequest): Record<string, string | number> {
  return message.body === null ? message.headers : { ...message.headers, "content-length": Buffer.byteLength(message.body) };
}

/** Returns a function that says of each of the agent's connections, reused or not, whether it leads to the service. */
function checkConnections(agent: HttpAgent, expectService: () => SocketCheck): SocketCheck {
  const found = new WeakMap<object, Promise<boolean>>();
  const connect = agent.createConnection;
  agent.createConnection = (...args) => {
    const isService = expectService();
    const socket = connect.apply(agent, args) as Socket;
    const connected = new Promise((resolve) => socket.once("connect", resolve));
    const answered = connected.then(() => isService(socket));
    found.set(
      socket,
      answered.catch(() => false),
    );
    return socket;
  };
  return async (socket) => (await found.get(socket)) === true;
}

function exchange(request: ClientRequest, body: string | null, isService: SocketCheck | undefined): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(transportFailure(error));
    request.on("error", fail);
    // Without a listener, Node closes the connection and says nothing.
    request.on("upgrade", (_answer, socket) => {
      socket.destroy();
      fail(new TransportFailure("upgrade", "the answer is 101 Switching Protocols, which wasn't asked for"));
    });
    const send = (): void => {
      request.on("response", (answer) => readAnswer(answer).then(resolve, fail));
      request.end(body ?? undefined);
    };
    if (isService === undefined) return send();
    const sendToService = async (socket: Socket): Promise<void> => {
      if (await isService(socket)) return send();
      request.destroy();
      throw new OtherProgram();
    };
    request.on("socket", (socket) => void sendToService(socket).catch(fail));
  });
}

/**
 * The system counts up the ports that it gives to connections, so another user's program knows the next ones. This one is random, and below
 * those, of which many are taken.
 */
function otherPort(random: Random): number {
  return 16_384 + Math.floor(random.fraction() * 16_384);
}

class OtherProgram extends TransportFailure {
  constructor() {
    super("refused", "the program that listens there isn't the profile's `whcb serve`, so nothing was sent to it");
  }
}

/** The first `for await` of a process takes two milliseconds more than events. */
function readAnswer(answer: IncomingMessage): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const collected = new CollectedBytes();
    answer.on("data", (chunk: Buffer) => {
      if (collected.length + chunk.length > MAX_ANSWER_BYTES) answer.destroy(tooLarge());
      else collected.add(chunk);
    });
    answer.on("error", reject);
    answer.on("end", () => {
      resolve({ status: answer.statusCode ?? 0, headers: lastHeaderValues(answer.headers), ...textOf(collected.bytes()) });
    });
  });
}

function textOf(bytes: Buffer): Pick<TransportResponse, "body" | "isUtf8"> {
  return { body: bytes.toString("utf8"), isUtf8: isUtf8(bytes) };
}

async function createProxyTransport(
  origin: string,
  basePath: string,
  { proxy = {}, expectService }: HttpTarget,
  startTimeout: (message: TransportRequest, end: (failure: TransportFailure) => void) => () => void,
): Promise<Transport> {
  const { buildConnector, EnvHttpProxyAgent, request } = await import("undici");
  for (const url of [proxy.httpProxy, proxy.httpsProxy]) if (url) checkProxyUrl(url);
  // The agent connects so where no proxy is meant for the URL.
  const connect = buildConnector(tlsOptions());
  // If one were undefined, the agent would read it from the environment.
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy.httpProxy ?? "",
    httpsProxy: proxy.httpsProxy ?? "",
    noProxy: proxy.noProxy ?? "",
    maxResponseSize: MAX_ANSWER_BYTES,
    proxyTunnel: true,
    connect: expectService === undefined ? connect : checkedConnector(connect, expectService),
    requestTls: tlsOptions(),
    proxyTls: tlsOptions(),
  });
  return {
    name: origin + basePath,
    basePath,
    async send(message) {
      const { method, path, headers, body } = message;
      const timeout = new AbortController();
      const { signal } = timeout;
      // undici aborts no request that waits for its connection.
      const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      const cancel = startTimeout(message, (failure) => timeout.abort(failure));
      try {
        const answer = await Promise.race([
          request(origin + path, { dispatcher: agent, method, headers, body, signal }),
          aborted,
        ]);
        const collected = new CollectedBytes();
        for await (const chunk of answer.body) collected.add(chunk);
        return { status: answer.statusCode, headers: lastHeaderValues(answer.headers), ...textOf(collected.bytes()) };
      } catch (error) {
        throw transportFailure(error);
      } finally {
        cancel();
      }
    },
    close: () => agent.destroy(),
  };
}

function checkedConnector(connect: Connector, expectService: () => SocketCheck): Connector {
  return (options, callback) => {
    const isService = expectService();
    connect(options, async (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (await isService(socket).catch(() => false)) return callback(null, socket);
      socket.destroy();
      callback(new OtherProgram(), null);
    });
  };
}

/** The URL is never shown, as it may contain a password. */
function checkProxyUrl(text: string): void {
  if (parseWebUrl(text)?.pathname === "/") return;
  throw new WhcbError("config", "HTTP_PROXY or HTTPS_PROXY isn't an http or https URL", {
    hint: "write it like http://proxy.example.com:3128",
  });
}

function transportFailure(error: unknown): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const { code, message } = rootError(error);
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") return tooLarge(error);
  const reason = REASONS[code];
  switch (reason) {
    case "refused":
      return new TransportFailure("refused", "connection refused", error);
    case "dns":
      return new TransportFailure("dns", `the host name can't be resolved (${code})`, error);
    case "timeout":
      return new TransportFailure("timeout", NO_ANSWER, error);
    case "unreachable":
      return new TransportFailure("unreachable", `the host can't be reached (${code})`, error);
  }
  const tls =
    // Anything else that breaks the handshake doesn't mean that the port has no TLS.
    (/wrong version number/i.test(message) ? NOT_TLS : TLS_MESSAGES[code]) ??
    (/^(?:EPROTO$|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_)/.test(code) ? `the TLS handshake failed (${message.trim()})` : null);
  if (tls !== null) return new TransportFailure("tls", tls, error);
  return new TransportFailure("cut", `the connection was closed (${code || message})`, error);
}

function tooLarge(cause?: unknown): TransportFailure {
  return new TransportFailure("too-large", `its answer is longer than ${MAX_ANSWER_BYTES} bytes`, cause);
}

/** An AggregateError has an error for each address, and the first one counts. */
function rootError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const code = systemErrorCode(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (inner instanceof Error && (code === "" || code === "ABORT_ERR" || code === "UND_ERR_CONNECT")) return rootError(inner);
  return { code, message: error.message };
}

const REASONS: Readonly<Record<string, TransportFailureReason>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  EAI_NODATA: "dns",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  UND_ERR_BODY_TIMEOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EACCES: "unreachable",
};

const UNKNOWN_AUTHORITY = "its certificate isn't from a trusted authority; if you trust it, name it in NODE_EXTRA_CA_CERTS";
const NOT_TLS = "this port doesn't use TLS; should the URL begin with http://?";

const TLS_MESSAGES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed; if you trust it, name it in NODE_EXTRA_CA_CERTS",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate chain contains a self-signed certificate (from an inspecting proxy?); if you trust it, name it in NODE_EXTRA_CA_CERTS",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate isn't valid yet; is this machine's clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
};
