import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isAcceptedStatus } from "../../../domain/attempt.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Clock } from "../../../platform/clock.js";
import { CollectedBytes } from "../../../wire/collected-bytes.js";
import { ignoreFurtherRequests } from "../../../wire/pipelined-requests.js";

export interface Received {
  readonly receivedAt: number;
  readonly method: string;
  /** `url` is the path and query, as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** `status` is null if the request got no answer. */
  readonly status: number | null;
  /** The first POST is 1; other methods are 0. */
  readonly number: number;
}

export interface LocalEndpoint {
  readonly url: string;
  setBehaviour(behaviour: Behaviour): void;
  close(): Promise<void>;
}

/** Longer bodies aren't kept; the platform's largest message is far smaller. */
const MAX_BODY_BYTES = 10_485_760;
/** All requests that are arriving, or aren't printed or answered yet, may take so many bytes. */
const MAX_REQUESTS_BYTES = 3 * MAX_BODY_BYTES;
/** What is kept of a request without headers or body, and of its answer. */
const MIN_REQUEST_BYTES = 4_096;
/** What Node keeps for a header's name or value, besides its text. */
const HEADER_BYTES = 80;
/** Node keeps far more for a header, and for a connection, than its bytes. A service has at most some dozens of either. */
const MAX_HEADERS = 100;
const MAX_CONNECTIONS = 1_000;

/**
 * Resolves when listening. A request is answered once `onReceived` has resolved; if that rejects, its connection ends without an answer. Throws
 * `unavailable` if the port is taken.
 */
export async function openEndpoint(
  options: { readonly port: number; readonly behaviour: Behaviour; readonly clock: Clock },
  onReceived: (received: Received) => Promise<void>,
): Promise<LocalEndpoint> {
  const { clock } = options;
  const openedAt = clock.monotonicMs();
  let behaviour = options.behaviour;
  let posts = 0;
  const arriving = { bytes: 0 };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    void receive(request, response).catch(() => response.destroy());
  };
  // Node would answer a request without Host, or with an unknown Expect, by itself, and nothing would count it.
  const server = createServer({ requireHostHeader: false }, onRequest).on("checkExpectation", onRequest);
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  const connections = new Map<Socket, Connection>();
  server.on("connection", (socket) => {
    const connection = { unansweredBytes: 0, closed: new AbortController() };
    connections.set(socket, connection);
    socket.once("close", () => {
      connections.delete(socket);
      arriving.bytes -= connection.unansweredBytes;
      connection.unansweredBytes = 0;
      connection.closed.abort();
    });
  });
  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined) return;
    // A 503 would wait for the answers to the connection's earlier requests.
    if (arriving.bytes > MAX_REQUESTS_BYTES && connection.unansweredBytes > 0) {
      socket.destroy();
      return ignoreFurtherRequests(socket);
    }
    const bytes = headBytesOf(request);
    const countUnanswered = (change: number) => {
      connection.unansweredBytes += change;
      arriving.bytes += change;
    };
    countUnanswered(bytes);
    response.once("close", () => {
      if (connections.has(socket)) countUnanswered(-bytes);
    });
    const answer = await readRequest(request);
    if (answer === null) {
      response.writeHead(503, { "content-type": "text/plain", connection: "close" });
      return void response.end("whcb listen is receiving too many or too long requests at once\n");
    }
    if (answer.kind === "hang") return;
    if (answer.delayMs > 0) await clock.sleepUntil(clock.now() + answer.delayMs, connection.closed.signal);
    response
      .writeHead(answer.status, { "content-type": "text/plain" })
      .end(isAcceptedStatus(answer.status) ? "OK\n" : "rehearsed failure\n");
  }
  /** Returns null if there was no room for the request. */
  async function readRequest(request: IncomingMessage): Promise<LocalAnswer | null> {
    const receivedAt = clock.now();
    const method = request.method ?? "";
    const number = method === "POST" ? ++posts : 0;
    const read = await readBody(request, arriving);
    if (read === null) return null;
    const answer: LocalAnswer =
      method === "POST"
        ? answerTo(number, clock.monotonicMs() - openedAt, behaviour)
        : { kind: "status", status: 200, delayMs: 0 };
    const { url = "/", headers } = request;
    const status = answer.kind === "status" ? answer.status : null;
    await onReceived({ receivedAt, method, url, headers, body: read.body, number, status }).finally(read.release);
    return answer;
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(options.port, error)));
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    setBehaviour(next) {
      behaviour = next;
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

interface Connection {
  /** Its requests that aren't answered yet have so many bytes without their bodies. */
  unansweredBytes: number;
  readonly closed: AbortController;
}

interface ReadBody {
  readonly body: string;
  /** The request's bytes count as arriving until it is called. */
  release(): void;
}

/** Returns null if the requests that are arriving would take too much memory with it. */
async function readBody(request: IncomingMessage, arriving: { bytes: number }): Promise<ReadBody | null> {
  let collected: CollectedBytes | null = new CollectedBytes();
  let isTooLong = false;
  const headBytes = headBytesOf(request);
  let kept = 0;
  const keep = (bytes: number) => {
    arriving.bytes += bytes - kept;
    kept = bytes;
  };
  const dropIfFull = () => {
    if (arriving.bytes <= MAX_REQUESTS_BYTES) return;
    collected = null;
    keep(0);
  };
  try {
    keep(headBytes);
    dropIfFull();
    // For pieces of one byte, `for await` takes twice the time.
    request.on("data", (piece: Buffer) => {
      if (collected === null) return;
      isTooLong ||= collected.length + piece.length > MAX_BODY_BYTES;
      if (isTooLong) return;
      collected.add(piece);
      keep(headBytes + collected.capacity);
      dropIfFull();
    });
    await once(request, "end");
    return collected && { body: collected.bytes().toString("utf8"), release: () => keep(0) };
  } catch (error) {
    keep(0);
    throw error;
  }
}

function headBytesOf({ rawHeaders, url = "" }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + HEADER_BYTES + text.length, MIN_REQUEST_BYTES + url.length);
}

function listenError(port: number, cause: Error): WhcbError {
  const isTaken = "code" in cause && cause.code === "EADDRINUSE";
  return new WhcbError("unavailable", isTaken ? `port ${port} is taken` : `can't listen on port ${port}: ${cause.message}`, {
    hint: "--port 0 takes any free port",
    cause,
  });
}

export interface Behaviour {
  /** Failures have this status, or all answers if no failures are configured. null means 503 for failures, else 200. */
  readonly status: number | null;
  readonly failFirst: number | null;
  readonly failForMs: number | null;
  /** `flaky` is a share from 0 to 1. */
  readonly flaky: number | null;
  readonly seed: number;
  readonly delayMs: number;
  readonly hang: boolean;
}

export type LocalAnswer =
  | { readonly kind: "status"; readonly status: number; readonly delayMs: number }
  | { readonly kind: "hang" };

/** Tells whether a POST may be answered with 200, once all failures are over. */
export function mayAccept(behaviour: Behaviour): boolean {
  const recovered = { ...behaviour, flaky: behaviour.flaky && 0 };
  const last = answerTo(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, recovered);
  return last.kind === "status" && isAcceptedStatus(last.status);
}

/** The same seed gives the same failures. `number` is 1 for the first POST; `elapsedMs` counts from the endpoint's opening. */
export function answerTo(number: number, elapsedMs: number, behaviour: Behaviour): LocalAnswer {
  const { status, failFirst, failForMs, flaky, delayMs } = behaviour;
  const canRecover = failFirst !== null || failForMs !== null || flaky !== null;
  const isFailure =
    (failFirst !== null && number <= failFirst) ||
    (failForMs !== null && elapsedMs < failForMs) ||
    (flaky !== null && seededUnit(behaviour.seed, number) < flaky);
  if (behaviour.hang && (isFailure || !canRecover)) return { kind: "hang" };
  if (!canRecover) return { kind: "status", status: status ?? 200, delayMs };
  return { kind: "status", status: isFailure ? (status ?? 503) : 200, delayMs };
}

/** Returns a number in [0,1) that depends only on the arguments (one round of murmur3's finaliser). */
function seededUnit(seed: number, number: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}
