/** The connections to every origin (scheme, host, port): limited in number, last in first out, closed when idle. */
import type { Socket } from "node:net";
import { type buildConnector, Client } from "undici";
import type { Clock, Timers } from "../platform/clock.js";
import { type ConnectingSocket, type ConnectorOptions, createConnector } from "./connector.js";

export interface ConnectionPoolOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
  readonly keepAliveMs: number;
  readonly maxConnectionsPerOrigin: number;
  readonly maxHeaderBytes: number;
  readonly connector: Omit<ConnectorOptions, "connecting">;
}

/** Beyond this many, an idle origin is closed early. */
const MAX_ORIGINS = 1_000;

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #origins = new Map<string, OriginConnections>();
  readonly #connecting = new Set<ConnectingSocket>();
  #cancelSweep: (() => void) | null = null;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  of(origin: string): OriginConnections {
    const existing = this.#origins.get(origin);
    if (existing !== undefined) return existing;
    if (this.#origins.size >= MAX_ORIGINS) this.#closeOneIdle();
    const { maxConnectionsPerOrigin, keepAliveMs, maxHeaderBytes, connector } = this.#options;
    const connections = new OriginConnections({
      origin,
      maxConnections: maxConnectionsPerOrigin,
      keepAliveMs,
      maxHeaderBytes,
      connect: createConnector({ ...connector, connecting: this.#connecting }),
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

/** Undici's client connects when it has something to send, and again after its connection was closed. */
export interface Connection {
  readonly client: Client;
  /** null until connected. */
  socket: Socket | null;
  /** On the monotonic clock. */
  idleSince: number;
}

export interface Waiter {
  useConnection(connection: Connection): void;
}

export interface OriginConnectionsOptions {
  readonly origin: string;
  readonly maxConnections: number;
  readonly keepAliveMs: number;
  readonly maxHeaderBytes: number;
  readonly connect: buildConnector.connector;
}

export class OriginConnections {
  readonly #options: OriginConnectionsOptions;
  readonly #idle: Connection[] = [];
  readonly #busy = new Set<Connection>();
  readonly #waiters = new Set<Waiter>();

  constructor(options: OriginConnectionsOptions) {
    this.#options = options;
  }

  /** Passes the waiter a connection, at once or when one becomes free. */
  request(waiter: Waiter): void {
    const connection = this.#idle.pop() ?? (this.#busy.size < this.#options.maxConnections ? this.#open() : undefined);
    if (connection === undefined) this.#waiters.add(waiter);
    else this.#assign(connection, waiter);
  }

  cancelRequest(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** For a connection whose exchange was completed: it can be used again. */
  release(connection: Connection, now: number): void {
    this.#busy.delete(connection);
    const next = this.#nextWaiter();
    if (next !== undefined) {
      this.#assign(connection, next);
      return;
    }
    connection.idleSince = now;
    this.#idle.push(connection);
  }

  /** For a connection whose exchange broke off: what still arrives on it must not be read as the next answer. */
  discard(connection: Connection): void {
    if (!this.#busy.delete(connection)) return;
    // Not synchronously: this is called from inside undici's error handling.
    queueMicrotask(() => {
      void connection.client.destroy();
      const next = this.#nextWaiter();
      if (next !== undefined) this.request(next);
    });
  }

  /** Closes what has been idle since before `before`. Returns whether nothing is left. */
  closeIdle(before: number): boolean {
    // The bottom of the stack has been idle longest.
    const kept = this.#idle.findIndex((connection) => connection.idleSince >= before);
    for (const { client } of this.#idle.splice(0, kept === -1 ? this.#idle.length : kept)) void client.destroy();
    return !this.isInUse && this.#idle.length === 0;
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

  #open(): Connection {
    const { origin, keepAliveMs, maxHeaderBytes, connect } = this.#options;
    const connection: Connection = {
      client: new Client(origin, {
        connect: (target, callback) =>
          connect(target, (...outcome) => {
            connection.socket = outcome[1];
            callback(...outcome);
          }),
        maxHeaderSize: maxHeaderBytes,
        keepAliveTimeout: keepAliveMs,
        keepAliveMaxTimeout: keepAliveMs,
        // One deadline covers the whole exchange; undici's time limits restart with each chunk.
        headersTimeout: 0,
        bodyTimeout: 0,
        // One request at a time on a connection, so that undici never sends one again by itself.
        pipelining: 1,
        allowH2: false,
      }),
      socket: null,
      idleSince: 0,
    };
    return connection;
  }
}
