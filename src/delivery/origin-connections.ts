/** The connections to one origin (scheme, host, port): used last, used first again; ended when they have been idle. */
import type { Socket } from "node:net";
import { type buildConnector, Client } from "undici";

/** A connection, or the room for one: undici's client connects when it has something to send, and again after a cut. */
export interface Line {
  readonly client: Client;
  /** The connection's, once it was up. */
  socket: Socket | null;
  /** On the monotonic clock. */
  idleSince: number;
}

/** Something that waits for a line. */
export interface LineTaker {
  take(line: Line): void;
}

export interface OriginLinesOptions {
  readonly origin: string;
  readonly maxConnections: number;
  readonly keepAliveMs: number;
  readonly maxHeaderBytes: number;
  readonly connect: buildConnector.connector;
}

export class OriginLines {
  readonly #options: OriginLinesOptions;
  readonly #free: Line[] = [];
  readonly #busy = new Set<Line>();
  readonly #waiting = new Set<LineTaker>();

  constructor(options: OriginLinesOptions) {
    this.#options = options;
  }

  /** Gives the taker a line: now, or when one becomes free. */
  request(taker: LineTaker): void {
    const line = this.#free.pop() ?? (this.#busy.size < this.#options.maxConnections ? this.#open() : undefined);
    if (line === undefined) this.#waiting.add(taker);
    else this.#give(line, taker);
  }

  /** The taker waits no more. */
  forget(taker: LineTaker): void {
    this.#waiting.delete(taker);
  }

  /** The line's exchange has ended well: its connection can carry the next. */
  release(line: Line, now: number): void {
    this.#busy.delete(line);
    const next = this.#nextTaker();
    if (next !== undefined) {
      this.#give(line, next);
      return;
    }
    line.idleSince = now;
    this.#free.push(line);
  }

  /** The line's exchange has broken off: nothing that comes on its connection any more may be taken for an answer. */
  discard(line: Line): void {
    if (!this.#busy.delete(line)) return;
    // Not at once: undici is in the middle of telling that the exchange is over.
    queueMicrotask(() => {
      void end(line);
      const next = this.#nextTaker();
      if (next !== undefined) this.request(next);
    });
  }

  /** Ends what has been idle since before `before`. Returns whether nothing is left. */
  trim(before: number): boolean {
    // The stack's bottom has been idle longest.
    const kept = this.#free.findIndex((line) => line.idleSince >= before);
    for (const line of this.#free.splice(0, kept === -1 ? this.#free.length : kept)) void end(line);
    return this.isIdle && this.#free.length === 0;
  }

  get isIdle(): boolean {
    return this.#busy.size === 0 && this.#waiting.size === 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#free.splice(0), ...this.#busy].map(end));
  }

  #nextTaker(): LineTaker | undefined {
    for (const taker of this.#waiting) {
      this.#waiting.delete(taker);
      return taker;
    }
    return undefined;
  }

  #give(line: Line, taker: LineTaker): void {
    this.#busy.add(line);
    taker.take(line);
  }

  #open(): Line {
    const { origin, keepAliveMs, maxHeaderBytes, connect } = this.#options;
    const line: Line = {
      client: new Client(origin, {
        connect: (target, answer) =>
          connect(target, (...outcome) => {
            line.socket = outcome[1];
            answer(...outcome);
          }),
        maxHeaderSize: maxHeaderBytes,
        keepAliveTimeout: keepAliveMs,
        keepAliveMaxTimeout: keepAliveMs,
        // One deadline holds over the whole exchange; undici's limits begin anew with each chunk.
        headersTimeout: 0,
        bodyTimeout: 0,
        // Never two requests on a connection at once, so that a cut can't make undici send one again.
        pipelining: 1,
        allowH2: false,
      }),
      socket: null,
      idleSince: 0,
    };
    return line;
  }
}

async function end(line: Line): Promise<void> {
  await line.client.destroy();
}
