import type { Clock, Timers } from "../../platform/clock.js";
import { RequestSlots } from "./request-slots.js";

const SHORT_MS = 10;

/**
 * Long bodies and steps of scans are read one at a time, or `atOnce`: their owners (`ownerOf`) take turns, and after each reading everything else has as much time, in which the
 * server takes one new connection in each turn of the event loop. What takes no longer than `shortMs` needs no pause.
 */
export class ReadTurns {
  readonly #clock: Pick<Clock, "nextTurn">;
  readonly #timers: Timers;
  readonly #shortMs: number;
  readonly #slots: RequestSlots;

  constructor(
    { clock, timers }: { readonly clock: Pick<Clock, "nextTurn">; readonly timers: Timers },
    { shortMs = SHORT_MS, atOnce = 1 } = {},
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#shortMs = shortMs;
    this.#slots = new RequestSlots(atOnce);
  }

  run<Result>(owner: string, read: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      void this.#slots.run(owner, async () => {
        await this.#clock.nextTurn();
        const beganAt = this.#timers.runningMs();
        try {
          resolve(await read());
        } catch (error) {
          reject(error);
        }
        const tookMs = this.#timers.runningMs() - beganAt;
        if (tookMs > this.#shortMs) await new Promise<void>((next) => this.#timers.after(tookMs, next));
      });
    });
  }
}
