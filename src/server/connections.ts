/** Bounds what clients can take without credentials: connections, and the requests that wait on one. */
import { createServer, IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Timers } from "../platform/clock.js";
import { settleAll } from "../platform/teardown.js";
import { CollectedBytes } from "../wire/collected-bytes.js";
import { ignoreFurtherRequests } from "../wire/pipelined-requests.js";
import { ByteBudget } from "./requests/byte-budget.js";
import { MAX_HEADERS } from "./requests/protocol-fault.js";

/** So many requests may be pipelined behind the one being answered. Clients that pipeline send about 10; one that sends more is disconnected. */
const MAX_WAITING = 16;
/** All requests of strangers that wait may take so much memory, about 16 on each of 450 connections, and all of known users as much. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Node's objects for a request take about as much, and those for a name or a value of a header. */
const REQUEST_BYTES = 4096;
const HEADER_BYTES = 32;
/** A socket is read in such pieces. No other read follows once an unread body has reached its high-water mark. */
const READ_BYTES = 65_536;

/** A body that is read whole has this time from the headers to its last byte. */
const BODY_DEADLINE_MS = 60_000;
const SWEEP_BODIES_MS = 5000;

/** The rest of a body that nobody reads has to arrive within this time, and all that a stranger sends while the service stops. */
export const LINGER_MS = 3000;

const HEADERS_TIMEOUT_MS = 15_000;
/** `IDLE_TIMEOUT_MS` is longer than a registration's check (60 s). */
const IDLE_TIMEOUT_MS = 75_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 16_384;

/** No known client needs more. */
const MAX_CONNECTIONS = 4096;
/** Files, name resolution and mail need some. */
const RESERVED_DESCRIPTORS = 64;
/** A third of the heap has room for the largest request and answer on each connection: headers, query, cookies and trailers, as they are kept. */
const CONNECTION_BYTES = 192 * 1024;
const HEAP_SHARE = 1 / 3;

/** Deliveries get as many of the process's descriptors. `descriptors` is null without a limit. */
export function connectionLimit({ descriptors, heapBytes }: { descriptors: number | null; heapBytes: number }): number {
  const free = ((descriptors ?? Number.POSITIVE_INFINITY) - RESERVED_DESCRIPTORS) / 2;
  const fitting = (heapBytes * HEAP_SHARE) / CONNECTION_BYTES;
  return Math.max(Math.floor(Math.min(free, fitting, MAX_CONNECTIONS)), 8);
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface WaitingExchange extends Exchange {
  readonly release: () => void;
}

interface Connection {
  answering: Exchange | null;
  /** The body of the request being answered has to be complete then. */
  bodyDueAtMs: number;
  /** Its client has sent this user's credentials, at least once. A proxy is everybody's client. */
  user: string | null;
  /** The request being answered has a user's credentials. */
  isUsersRequest: boolean;
  requests: number;
  readonly waiting: WaitingExchange[];
}

export class Connections {
  readonly #limit: number;
  readonly #timers: Timers;
  /** The oldest connection comes first. */
  readonly #open = new Map<Socket, Connection>();
  #inFlight = 0;
  #strangersBytes = 0;
  readonly #usersBytes = new ByteBudget(MAX_WAITING_BYTES);
  #isSweeping = false;

  constructor({ limit, timers }: { readonly limit: number; readonly timers: Timers }) {
    this.#limit = limit;
    this.#timers = timers;
  }

  /** Counts the requests that are being answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The server hands `handler` one request of a connection at a time, so answers that a client doesn't read don't pile up. */
  createServer(handler: RequestListener): Server {
    const receive: RequestListener = (request, response) => this.#receive(request, response, handler);
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        keepAliveTimeout: KEEP_ALIVE_MS,
        requestTimeout: 0, // It would end long NDJSON streams; `limitBodyTime` is for the others.
        requireHostHeader: false, // `protocolFault` requires it.
        IncomingMessage: CompactRequest,
      },
      receive,
    );
    server.timeout = IDLE_TIMEOUT_MS;
    server.maxHeadersCount = MAX_HEADERS + 1;
    server.on("timeout", (socket) =>
      this.#endWithoutProgress(
        () => socket.bytesRead,
        () => socket.destroy(),
      ),
    );
    return server.on("checkExpectation", receive).on("connection", (socket) => this.#addConnection(socket));
  }

  /** Ends a connection that hasn't brought a whole header in time. */
  endUnlessAsked(socket: Socket, end: () => void): void {
    this.#endWithoutProgress(() => this.#open.get(socket)?.requests, end);
  }

  /** After a stop of this process, what a client has sent in time may be unread, so it is read first. */
  #endWithoutProgress(progress: () => number | undefined, end: () => void): void {
    const before = progress();
    this.#timers.after(0, () => {
      if (progress() === before) end();
    });
  }

  /** Its connection is the last to be closed for want of room, unless the user has more than half of all. */
  markKnown({ socket }: IncomingMessage, user: string): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) Object.assign(connection, { user, isUsersRequest: true });
  }

  /** Closes the connection if the body is incomplete at its deadline. */
  limitBodyTime({ socket }: IncomingMessage): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.bodyDueAtMs = this.#timers.runningMs() + BODY_DEADLINE_MS;
    if (!this.#isSweeping) this.#sweepBodiesLater();
  }

  #sweepBodiesLater(): void {
    this.#isSweeping = true;
    this.#timers.after(SWEEP_BODIES_MS, () => this.#endSlowBodies());
  }

  #endSlowBodies(): void {
    const now = this.#timers.runningMs();
    this.#isSweeping = false;
    let isAnyLeft = false;
    for (const { answering, bodyDueAtMs } of this.#open.values()) {
      if (answering === null || answering.request.complete || bodyDueAtMs === Number.POSITIVE_INFINITY) continue;
      if (bodyDueAtMs <= now) answering.request.destroy();
      else isAnyLeft = true;
    }
    if (isAnyLeft) this.#sweepBodiesLater();
  }

  /** Tells whether an answer written now is that of the bytes that arrive: no earlier request waits for one, and none has begun. */
  isNextAnswered(socket: Socket): boolean {
    const answering = this.#open.get(socket)?.answering ?? null;
    return answering === null || !(answering.request.complete || answering.response.headersSent);
  }

  #addConnection(socket: Socket): void {
    if (this.#open.size >= this.#limit && !this.#makeRoom()) return void socket.destroy();
    const waiting: WaitingExchange[] = [];
    const unasked = { answering: null, bodyDueAtMs: Number.POSITIVE_INFINITY, requests: 0, waiting };
    this.#open.set(socket, { ...unasked, user: null, isUsersRequest: false });
    socket.once("close", () => {
      this.#open.delete(socket);
      for (const { release } of waiting.splice(0)) release();
    });
  }

  /**
   * Closes the oldest idle one of a user who has more than half of all, else a stranger's oldest, else that user's oldest, else the oldest
   * idle one.
   */
  #makeRoom(): boolean {
    let stranger: Socket | undefined;
    let idle: Socket | undefined;
    const users = new Map<string, { readonly oldest: Socket; oldestIdle: Socket | undefined; count: number }>();
    for (const [socket, { user, answering }] of this.#open) {
      if (user === null) stranger ??= socket;
      else {
        const held = users.get(user) ?? { oldest: socket, oldestIdle: undefined, count: 0 };
        held.count += 1;
        if (answering === null) {
          idle ??= socket;
          held.oldestIdle ??= socket;
        }
        users.set(user, held);
      }
    }
    const greedy = [...users.values()].find(({ count }) => count > Math.max(1, this.#limit / 2));
    const closed = greedy?.oldestIdle ?? stranger ?? greedy?.oldest ?? idle;
    return closed !== undefined && this.#disconnect(closed);
  }

  /** Closes all connections but those on which a user waits for an answer. */
  endStrangers(): void {
    for (const [socket, { isUsersRequest }] of this.#open) if (!isUsersRequest) socket.destroy();
  }

  #disconnect(socket: Socket): true {
    socket.destroy();
    this.#open.delete(socket);
    return true;
  }

  #receive(request: IncomingMessage, response: ServerResponse, handler: RequestListener): void {
    const { socket } = request;
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.requests += 1;
    // Node ignores what has arrived behind an upgrade.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    if (connection.answering === null) return void this.#answerRequest(connection, { request, response }, handler);
    const release = connection.waiting.length < MAX_WAITING ? this.#reserve(connection, bytesOf(request)) : null;
    if (release !== null) connection.waiting.push({ request, response, release });
    else {
      this.#disconnect(socket);
      ignoreFurtherRequests(socket);
    }
  }

  /** Returns what releases the room, or null if there is none. The connection may become another user's meanwhile. */
  #reserve({ user }: Connection, bytes: number): (() => void) | null {
    if (user !== null) return this.#usersBytes.tryReserve(user, bytes) ? () => this.#usersBytes.release(user, bytes) : null;
    if (this.#strangersBytes >= MAX_WAITING_BYTES) return null;
    this.#strangersBytes += bytes;
    return () => {
      this.#strangersBytes -= bytes;
    };
  }

  #answerRequest(connection: Connection, exchange: Exchange, handler: RequestListener): void {
    const { request, response } = exchange;
    connection.answering = exchange;
    connection.bodyDueAtMs = Number.POSITIVE_INFINITY;
    this.#inFlight += 1;
    // The client has taken the answer, or is gone.
    response.once("close", () => {
      connection.answering = null;
      connection.isUsersRequest = false;
      this.#inFlight -= 1;
      if (request.socket.destroyed) return;
      if (!request.complete) this.#endUnread(request);
      const next = connection.waiting.shift();
      if (next === undefined) return;
      next.release();
      this.#answerRequest(connection, next, handler);
    });
    handler(request, response);
  }

  /** Node would drop the bytes that come for as long as they come. */
  #endUnread(request: IncomingMessage): void {
    const { socket } = request;
    const cancel = this.#timers.after(LINGER_MS, () => socket.destroy());
    const end = (): void => {
      cancel();
      for (const each of [request, socket]) each.off("close", end);
    };
    // A request that was answered doesn't close with its socket.
    for (const each of [request, socket]) each.once("close", end);
  }
}

/** Joins the pieces of a body that nobody has asked for yet: Node keeps some 300 bytes for each of them, even for a single byte. */
class CompactRequest extends IncomingMessage {
  #unread: CollectedBytes | null = null;
  #isAsked = false;

  override push(piece: Buffer | null): boolean {
    if (piece !== null && this.readableLength > 0 && !this.#isAsked) {
      this.#unread ??= new CollectedBytes();
      this.#unread.add(piece);
      return this.readableLength + this.#unread.length < this.readableHighWaterMark;
    }
    this.#pushUnread();
    this.#isAsked = false;
    return super.push(piece);
  }

  /** Node doesn't ask again until something is pushed. */
  override _read(size: number): void {
    this.#isAsked = !this.#pushUnread();
    super._read(size);
  }

  #pushUnread(): boolean {
    if (this.#unread === null) return false;
    super.push(this.#unread.bytes());
    this.#unread = null;
    return true;
  }
}

function bytesOf({ url = "", headers, rawHeaders, readableHighWaterMark }: IncomingMessage): number {
  const isChunked = headers["transfer-encoding"] !== undefined;
  const body = isChunked ? Number.POSITIVE_INFINITY : Number(headers["content-length"] ?? 0);
  const unread = Math.min(body, readableHighWaterMark + READ_BYTES);
  return rawHeaders.reduce((bytes, text) => bytes + HEADER_BYTES + text.length, REQUEST_BYTES + url.length + unread);
}

interface CloseLimits {
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Requests that still run then are cut off. */
  readonly limitMs: number;
  /** The app gets the connections of these servers besides its own. */
  readonly others?: readonly NetServer[];
}

const SWEEP_MS = 50;

/** Finishes requests in flight, those of strangers within `LINGER_MS`. Node's own close waits for connections without a request and endless streams. */
export async function closeGracefully(app: FastifyInstance, limits: CloseLimits): Promise<void> {
  const { timers, nowMs, limitMs, others = [] } = limits;
  const beganAt = nowMs();
  let cancel = (): void => undefined;
  const sweep = (): void => {
    const elapsedMs = nowMs() - beganAt;
    if (app.connections.inFlight === 0 || elapsedMs >= limitMs) app.server.closeAllConnections();
    else if (elapsedMs >= LINGER_MS) app.connections.endStrangers();
    cancel = timers.after(SWEEP_MS, sweep);
  };
  cancel = timers.after(0, sweep);
  try {
    await settleAll(app.close(), ...others.map((server) => new Promise((resolve) => server.close(resolve))));
  } finally {
    cancel();
  }
}
