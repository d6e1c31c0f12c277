/** All origins that have connections: bounded in number, and each forgotten when it has been idle. */
import type { Clock, Timers } from "../platform/clock.js";
import { type Cancellable, type ConnectorOptions, createConnector } from "./connector.js";
import { OriginLines } from "./origin-connections.js";

export interface OriginsOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
  readonly keepAliveMs: number;
  readonly maxConnectionsPerOrigin: number;
  readonly maxHeaderBytes: number;
  readonly connector: Omit<ConnectorOptions, "dialing">;
}

/** Idle ones beyond this many are ended before their time. */
const MAX_ORIGINS = 1_000;

export class Origins {
  readonly #options: OriginsOptions;
  readonly #open = new Map<string, OriginLines>();
  readonly #dialing = new Set<Cancellable>();
  #cancelSweep: (() => void) | null = null;

  constructor(options: OriginsOptions) {
    this.#options = options;
  }

  of(origin: string): OriginLines {
    const known = this.#open.get(origin);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_ORIGINS) this.#endOldestIdle();
    const lines = new OriginLines({
      origin,
      maxConnections: this.#options.maxConnectionsPerOrigin,
      keepAliveMs: this.#options.keepAliveMs,
      maxHeaderBytes: this.#options.maxHeaderBytes,
      connect: createConnector({ ...this.#options.connector, dialing: this.#dialing }),
    });
    this.#open.set(origin, lines);
    this.#cancelSweep ??= this.#options.timers.after(this.#options.keepAliveMs, () => this.#sweep());
    return lines;
  }

  async close(): Promise<void> {
    this.#cancelSweep?.();
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const dialing of [...this.#dialing]) dialing.cancel();
    await Promise.all(open.map((lines) => lines.close()));
  }

  #sweep(): void {
    const before = this.#options.clock.monotonicMs() - this.#options.keepAliveMs;
    for (const [origin, lines] of this.#open) if (lines.trim(before)) this.#open.delete(origin);
    this.#cancelSweep = this.#open.size === 0 ? null : this.#options.timers.after(this.#options.keepAliveMs, () => this.#sweep());
  }

  #endOldestIdle(): void {
    for (const [origin, lines] of this.#open) {
      if (!lines.isIdle) continue;
      void lines.close();
      this.#open.delete(origin);
      return;
    }
  }
}
