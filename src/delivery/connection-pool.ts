import type { Socket } from "node:net";
import { Client } from "undici";
import type { MonotonicClock, Timers } from "../platform/clock.js";
import { AnswerReader } from "./answer-reader.js";
import { type ConnectingSocket, type Connector, type ConnectorOptions, createConnector } from "./connector.js";
import type { EgressProxy } from "./egress-proxy.js";
import { HandshakeTurns } from "./handshake-turns.js";

export interface ConnectionPoolOptions {
  readonly clock: MonotonicClock;
  readonly timers: Timers;
  readonly keepAliveMs: number;
  /** An origin's connections aren't reused for this long after its first answer, in which time a second one would come. */
  readonly watchedMs: number;
  readonly maxConnectionsPerOrigin: number;
  readonly maxHeaderBytes: number;
  readonly connector: ConnectorOptions;
  readonly onSecondAnswer: (origin: string) => void;
}

/** With more origins, idle ones are closed early. */
const MAX_ORIGINS = 1_000;

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #origins = new Map<string, OriginConnections>();
  readonly #connecting = new Set<ConnectingSocket>();
  readonly #handshakes: HandshakeTurns;
  #cancelSweep: (() => void) | null = null;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#handshakes = new HandshakeTurns(options.timers);
  }

  /** `proxy` is always the same for an origin; it is null if the origin is reached directly. */
  connectionsOf(origin: string, proxy: EgressProxy | null): OriginConnections {
    const existing = this.#origins.get(origin);
    if (existing !== undefined) return existing;
    if (this.#origins.size >= MAX_ORIGINS) this.#closeOneIdle();
    const { clock, maxConnectionsPerOrigin, keepAliveMs, watchedMs, maxHeaderBytes, connector, onSecondAnswer } = this.#options;
    const connections = new OriginConnections({
      origin,
      clock,
      maxConnections: maxConnectionsPerOrigin,
      keepAliveMs,
      watchedMs,
      maxHeaderBytes,
      onSecondAnswer,
      connect: createConnector(connector, { connecting: this.#connecting, handshakes: this.#handshakes }, proxy),
    });
    this.#origins.set(origin, connections);
    this.#cancelSweep ??= this.#options.timers.after(keepAliveMs, () => this.#sweep());
    return connections;
  }

  async close(): Promise<void> {
    this.#cancelSweep?.();
    const open = [...this.#origins.values()];
    this.#origins.clear();
    for (const connecting of [...this.#connecting]) connecting.cancel();
    await Promise.all(open.map((connections) => connections.close()));
  }

  #sweep(): void {
    const { clock, timers, keepAliveMs } = this.#options;
    const before = clock.monotonicMs() - keepAliveMs;
    for (const [origin, connections] of this.#origins) if (connections.closeIdle(before)) this.#origins.delete(origin);
    this.#cancelSweep = this.#origins.size === 0 ? null : timers.after(keepAliveMs, () => this.#sweep());
  }

  #closeOneIdle(): void {
    for (const [origin, connections] of this.#origins) {
      if (connections.isInUse) continue;
      void connections.close();
      this.#origins.delete(origin);
      return;
    }
  }
}

/** An endpoint that moved to another address gets its calls there within this and the time for which DNS answers are cached. */
const MAX_CONNECTION_AGE_MS = 60_000;

/** Undici connects at a request, and again after a close. */
export class Connection {
  readonly client: Client;
  readonly #clock: MonotonicClock;
  #connectedAt = 0;
  /** `idleSince` is an instant of the monotonic clock. */
  idleSince = 0;
  #socket: Socket | null = null;
  #tcpSocket: Socket | null = null;
  #reader: AnswerReader | null = null;
  #socketError: Error | null = null;
  /** Requests are counted for the present socket. */
  #requests = 0;
  #bytesReadBefore = 0;

  constructor({ origin, clock, keepAliveMs, maxHeaderBytes, connect }: OriginConnectionsOptions, onSecondAnswer: () => void) {
    this.#clock = clock;
    this.client = new Client(origin, {
      connect: (target, callback) =>
        connect(target, (...outcome) => {
          if (outcome[0] !== null) return callback(outcome[0], null);
          const [, socket, tcpSocket] = outcome;
          this.#useSocket(socket, tcpSocket, maxHeaderBytes);
          callback(null, socket);
        }),
      // The reader's limit comes first, but it lets up to twice as many bytes of trailers through.
      maxHeaderSize: 2 * maxHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      // Undici's limits restart with each chunk.
      headersTimeout: 0,
      bodyTimeout: 0,
      // With one request at a time, undici never resends by itself.
      pipelining: 1,
      allowH2: false,
    });
    // Undici's error has no code of its own.
    this.client.on("disconnect", (_origin, _targets, { message }) => {
      if (message === "bad response") onSecondAnswer();
    });
  }

  /** Counts the bytes of TLS itself too. It is null until the socket is connected. */
  get bytesRead(): number | null {
    return this.#tcpSocket?.bytesRead ?? null;
  }

  get socketError(): Error | null {
    return this.#socketError;
  }

  /** Some of the request isn't on its way yet. Of TLS, it is some turns of the event loop late. */
  get isSending(): boolean {
    return (this.#socket?.writableLength ?? 0) > 0;
  }

  get isClosed(): boolean {
    return this.#socket?.destroyed ?? true;
  }

  get isEncrypted(): boolean {
    return this.#socket !== this.#tcpSocket;
  }

  /** Is called before each request is written. */
  beginRequest(): void {
    this.#requests += 1;
    this.#bytesReadBefore = this.#socket?.bytesRead ?? 0;
    this.#reader?.expectAnswer();
  }

  /** Is called after the headers of the final answer and after each piece of its body. */
  continueAnswer(): void {
    this.#reader?.continueAnswer();
  }

  /** Whether the request isn't the first on this socket, and no byte of its answer has arrived. */
  get isReusedWithoutAnswer(): boolean {
    return this.#requests > 1 && this.#socket?.bytesRead === this.#bytesReadBefore;
  }

  get isOld(): boolean {
    return this.#clock.monotonicMs() - this.#connectedAt >= MAX_CONNECTION_AGE_MS;
  }

  #useSocket(socket: Socket, tcpSocket: Socket, maxHeaderBytes: number): void {
    this.#connectedAt = this.#clock.monotonicMs();
    this.#socket = socket;
    this.#tcpSocket = tcpSocket;
    this.#reader = new AnswerReader(socket, maxHeaderBytes);
    this.#requests = 0;
    this.#socketError = null;
    // A TLS socket over a stream isn't destroyed by its error, so `errored` stays empty.
    socket.once("error", (error) => {
      if (this.#socket === socket) this.#socketError = error;
    });
    // It may report another one once it is closed, which undici can't take any more.
    socket.once("close", () => socket.removeAllListeners("error").on("error", () => {}));
  }
}

export interface Waiter {
  readonly needsFreshConnection: boolean;
  useConnection(connection: Connection): void;
}

export interface OriginConnectionsOptions {
  readonly origin: string;
  readonly clock: MonotonicClock;
  readonly maxConnections: number;
  readonly keepAliveMs: number;
  readonly watchedMs: number;
  readonly maxHeaderBytes: number;
  readonly onSecondAnswer: (origin: string) => void;
  readonly connect: Connector;
}

/** After this many resends within FRESH_MS, or an answer that nothing asked for, only fresh connections are used for as long. */
const RESENDS_BEFORE_FRESH = 3;
const FRESH_MS = 10 * 60_000;

export class OriginConnections {
  readonly #options: OriginConnectionsOptions;
  readonly #idle: Connection[] = [];
  readonly #busy = new Set<Connection>();
  readonly #waiters = new Set<Waiter>();
  /** The monotonic instants of the last few resends. */
  #resentAt: readonly number[] = [];
  #freshEndsAt = Number.NEGATIVE_INFINITY;
  /** It is infinite until the first answer. */
  #watchEndsAt = Number.POSITIVE_INFINITY;

  constructor(options: OriginConnectionsOptions) {
    this.#options = options;
  }

  /** Gives the waiter a connection at once, or when one becomes free. */
  request(waiter: Waiter): void {
    const mustBeFresh = waiter.needsFreshConnection || this.#isFreshOnly || this.#isWatched;
    const connection = (mustBeFresh ? undefined : this.#idle.pop()) ?? this.#open();
    if (connection === null) this.#waiters.add(waiter);
    else this.#assign(connection, waiter);
  }

  cancelRequest(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  release(connection: Connection): void {
    if (this.#isFreshOnly || connection.isOld) {
      this.discard(connection);
      return;
    }
    const now = this.#options.clock.monotonicMs();
    this.#watchEndsAt = Math.min(this.#watchEndsAt, now + this.#options.watchedMs);
    this.#busy.delete(connection);
    const next = this.#nextWaiter();
    if (next?.needsFreshConnection === false && !this.#isWatched) {
      this.#assign(connection, next);
      return;
    }
    connection.idleSince = now;
    this.#idle.push(connection);
    if (next !== undefined) this.request(next);
  }

  /** Closes a connection after a broken exchange, because late bytes must not be read as the next answer. */
  discard(connection: Connection, next?: Waiter): void {
    if (!this.#busy.delete(connection)) return;
    // Undici may still be handling the answer, so it is closed a little later.
    queueMicrotask(() => {
      void connection.client.destroy();
      const waiter = next ?? this.#nextWaiter();
      if (waiter !== undefined) this.request(waiter);
    });
  }

  /** Sends again because the endpoint had closed the reused connection (docs/dispatcher.md, A call, Rule 3). */
  resend(connection: Connection, waiter: Waiter): void {
    const now = this.#options.clock.monotonicMs();
    this.#resentAt = [...this.#resentAt.filter((at) => now - at <= FRESH_MS), now];
    if (this.#resentAt.length >= RESENDS_BEFORE_FRESH) {
      this.#freshEndsAt = now + FRESH_MS;
      this.#resentAt = [];
    }
    this.discard(connection, waiter);
  }

  get #isFreshOnly(): boolean {
    return this.#options.clock.monotonicMs() < this.#freshEndsAt;
  }

  get #isWatched(): boolean {
    return this.#options.clock.monotonicMs() < this.#watchEndsAt;
  }

  /** The next one would be taken for the answer to another request. */
  #onSecondAnswer(): void {
    if (!this.#isFreshOnly) this.#options.onSecondAnswer(this.#options.origin);
    this.#freshEndsAt = this.#options.clock.monotonicMs() + FRESH_MS;
    this.#watchEndsAt = Number.POSITIVE_INFINITY;
  }

  /** Closes connections that were idle before this. Returns whether nothing is left. */
  closeIdle(before: number): boolean {
    const kept = this.#idle.findIndex((connection) => connection.idleSince >= before);
    for (const { client } of this.#idle.splice(0, kept === -1 ? this.#idle.length : kept)) void client.destroy();
    const lastResentAt = this.#resentAt.at(-1) ?? Number.NEGATIVE_INFINITY;
    const hasHistory = this.#isFreshOnly || this.#options.clock.monotonicMs() - lastResentAt <= FRESH_MS;
    return !this.isInUse && this.#idle.length === 0 && !hasHistory;
  }

  get isInUse(): boolean {
    return this.#busy.size > 0 || this.#waiters.size > 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map(({ client }) => client.destroy()));
  }

  #nextWaiter(): Waiter | undefined {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  #assign(connection: Connection, waiter: Waiter): void {
    this.#busy.add(connection);
    waiter.useConnection(connection);
  }

  /** Returns null if the origin has as many busy connections as it may. */
  #open(): Connection | null {
    const { maxConnections } = this.#options;
    if (this.#busy.size >= maxConnections) return null;
    if (this.#busy.size + this.#idle.length >= maxConnections) void this.#idle.shift()?.client.destroy();
    return new Connection(this.#options, () => this.#onSecondAnswer());
  }
}
