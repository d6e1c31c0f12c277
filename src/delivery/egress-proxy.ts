/** Connections to endpoints may go through a proxy: by CONNECT to https endpoints, and by requests with a whole URL to http ones. */
import { STATUS_CODES } from "node:http";
import { isIP, type Socket } from "node:net";
import querystring from "node:querystring";
import { WhcbError } from "../domain/errors.js";
import { parseWebUrl, SHORTEST_SECRET, secretsOf, webUrlProblem } from "../domain/mask.js";
import { isLocalName, isLoopbackHost, isUnspecifiedHost } from "../platform/loopback.js";
import { inNetworks } from "./address-rule.js";
import { DeliveryFailure, OwnShortage } from "./delivery-failure.js";

/** Takes --egress-proxy, else WHCB_EGRESS_PROXY, and NO_PROXY. Returns null without a proxy. Throws `usage`, without the URL. */
export function readEgressProxy(given: string | undefined, env: NodeJS.ProcessEnv): EgressProxy | null {
  const url = given ?? env.WHCB_EGRESS_PROXY ?? "";
  if (url === "") return null;
  const proxy = new EgressProxy({ url, noProxy: env.no_proxy ?? env.NO_PROXY ?? "" });
  if (given === undefined || proxy.authorization === null) return proxy;
  throw new WhcbError("usage", "--egress-proxy contains a login, which other users of this machine could read", {
    hint: "give the URL as WHCB_EGRESS_PROXY instead",
  });
}

export interface EgressProxyOptions {
  /** An http or https URL, perhaps with a user and a password. */
  readonly url: string;
  /** NO_PROXY: the endpoints that are reached directly. */
  readonly noProxy: string;
}

export class EgressProxy {
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The value of Proxy-Authorization; it is null without credentials. */
  readonly authorization: string | null;
  /** An answer to a forwarded request may repeat these. */
  readonly secrets: readonly string[];
  readonly #isDirect: (hostname: string, port: number) => boolean;
  #failure: string | null = null;
  #failures = 0;

  /** Throws `usage`, without the URL. */
  constructor({ url, noProxy }: EgressProxyOptions) {
    const { hostname, port, protocol, username, password } = parseProxyUrl(url);
    this.hostname = hostOf(hostname);
    this.isTls = protocol === "https:";
    this.port = portOf(protocol, port);
    // Unlike decodeURIComponent, it leaves a lone % as it is.
    const login = `${querystring.unescape(username)}:${querystring.unescape(password)}`;
    const basic = Buffer.from(login).toString("base64");
    this.authorization = login === ":" ? null : `Basic ${basic}`;
    const secrets = login === ":" ? [] : secretsOf({ type: "basicauth", key: basic });
    this.secrets = secrets.filter(({ length }) => length >= SHORTEST_SECRET);
    this.#isDirect = parseNoProxy(noProxy);
  }

  /** The host and port, without credentials. */
  get place(): string {
    return `${isIP(this.hostname) === 6 ? `[${this.hostname}]` : this.hostname}:${this.port}`;
  }

  /** Why the last connection failed by its fault, without its name and credentials; null if it works. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Counts how often it failed: another program may have taken its place since. */
  get failures(): number {
    return this.#failures;
  }

  /** This machine, and names of its own network, are always reached directly. */
  covers({ hostname, protocol, port }: URL): boolean {
    const isLocal = isLoopbackHost(hostname) || isLocalName(hostname) || isUnspecifiedHost(hostname);
    return !isLocal && !this.#isDirect(hostOf(hostname), portOf(protocol, port));
  }

  /** Why endpoints at this URL, or those that it covers, can't be reached now; null if they can. */
  failureFor(url?: string): string | null {
    return url === undefined || this.covers(new URL(url)) ? this.failure : null;
  }

  /** Returns the fault to throw. `what` says what the proxy did. */
  failed(what: string, cause?: unknown): OwnShortage {
    this.#failure = `the egress proxy ${what}`;
    this.#failures += 1;
    return new OwnShortage(this.#failure, "Check the proxy, and --egress-proxy or WHCB_EGRESS_PROXY.", cause);
  }

  /** Takes over why it couldn't be connected to. */
  failedBy({ reason, cause }: DeliveryFailure): OwnShortage {
    return this.failed(`can't be used: ${CONNECT_FAULTS[reason] ?? reason}`, cause);
  }

  worked(): void {
    this.#failure = null;
  }
}

/** Names nothing: clients without credentials see it. */
const CONNECT_FAULTS: Readonly<Partial<Record<DeliveryFailure["reason"], string>>> = {
  dns: "its name can't be resolved",
  refused: "it refused the connection",
  "connect-timeout": "it didn't accept the connection in time",
  reset: "it closed the connection",
  tls: "TLS with it failed",
  "too-large": "it sent too much before TLS was set up",
};

/** The answer to CONNECT has this much room. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Asks the proxy for a tunnel to the endpoint (`where`) on a connected socket, which is paused then. The handler gets null if there is one. What
 * the proxy says of the endpoint is a DeliveryFailure, and its own fault an OwnShortage. The socket's errors are the caller's.
 */
export function openTunnel(
  socket: Socket,
  proxy: EgressProxy,
  where: string,
  handler: (failure: DeliveryFailure | OwnShortage | null) => void,
): void {
  let head = "";
  const finish = (failure: DeliveryFailure | OwnShortage | null, rest = ""): void => {
    socket.off("data", read).off("end", ended).pause();
    if (rest !== "") socket.unshift(Buffer.from(rest, "latin1"));
    if (!(failure instanceof OwnShortage)) proxy.worked();
    handler(failure);
  };
  const read = (bytes: Buffer): void => {
    const searchedUntil = Math.max(0, head.length - END_OF_HEAD.length);
    head += bytes.toString("latin1");
    const end = head.indexOf(END_OF_HEAD, searchedUntil);
    if (end === -1 && head.length <= MAX_HEAD_BYTES) return;
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r\n)/.exec(head)?.[1]);
    if (end === -1) finish(proxy.failed(`sent over ${MAX_HEAD_BYTES} bytes in answer to CONNECT`));
    else if (Number.isNaN(status)) finish(proxy.failed("sent something that isn't an HTTP answer to CONNECT"));
    // What follows comes from the endpoint, and TLS will fail by it.
    else finish(failureOf(status, proxy, where), head.slice(end + END_OF_HEAD.length));
  };
  const ended = (): void => finish(proxy.failed("closed the connection instead of answering CONNECT"));
  socket.on("data", read).once("end", ended);
  const login = proxy.authorization === null ? "" : `Proxy-Authorization: ${proxy.authorization}\r\n`;
  socket.write(`CONNECT ${where} HTTP/1.1\r\nHost: ${where}\r\n${login}\r\n`);
}

const END_OF_HEAD = "\r\n\r\n";

/** The failures that are documented in docs/operations.md, Through a proxy. */
function failureOf(status: number, proxy: EgressProxy, where: string): DeliveryFailure | OwnShortage | null {
  if (status >= 200 && status < 300) return null;
  const text = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  switch (status) {
    case 403:
      return new DeliveryFailure("address-refused", `the egress proxy doesn't permit connections to ${where} (${text})`);
    case 504:
      return new DeliveryFailure("connect-timeout", `the egress proxy couldn't connect to ${where} in time (${text})`);
    // Tinyproxy says 500.
    case 500:
    case 502:
    case 503:
      return new DeliveryFailure("refused", `the egress proxy couldn't connect to ${where} (${text})`);
    default:
      return proxy.failed(status === 401 || status === 407 ? wantsCredentials(status) : `answered CONNECT with ${text}`);
  }
}

/** Tinyproxy says 401 of a wrong password. */
export function wantsCredentials(status: number): string {
  return `wants other credentials (${status})`;
}

/** Reads as undici does for requests to the service, and networks (10.0.0.0/8) too. */
function parseNoProxy(text: string): (hostname: string, port: number) => boolean {
  const entries = text.split(/[,\s]+/).filter((entry) => entry !== "");
  const rules = entries.map((entry) => {
    if (entry === "*") return () => true;
    if (isIP(entry.split("/", 1)[0] ?? "") !== 0) return networkRule(entry);
    const [, name = entry, port] = /^(.+):(\d+)$/.exec(entry) ?? [];
    const host = hostOf(name.toLowerCase().replace(/^\*?\./, ""));
    return (hostname: string, ofPort: number) =>
      (port === undefined || Number(port) === ofPort) && (hostname === host || hostname.endsWith(`.${host}`));
  });
  return (hostname, port) => rules.some((isDirect) => isDirect(hostname.replace(/\.$/, ""), port));
}

/** The variable is for other programs too, so what isn't a network is ignored. */
function networkRule(entry: string): (hostname: string) => boolean {
  try {
    return inNetworks([entry]);
  } catch {
    return () => false;
  }
}

function parseProxyUrl(text: string): URL {
  const url = parseWebUrl(text);
  if (url?.pathname === "/" && url.search + url.hash === "") return url;
  throw new WhcbError("usage", `the egress proxy ${webUrlProblem(text) ?? "must be an http or https URL without a path"}`, {
    hint: "write it like http://proxy.example.com:3128",
  });
}

function hostOf(hostname: string): string {
  return hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
}

export function portOf(protocol: string, port: string): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}
