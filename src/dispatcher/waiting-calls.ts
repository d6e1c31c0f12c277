import type { Call } from "../domain/call.js";
import { CallQueue } from "./call-queue.js";

/** While there is a backlog, one request in this many is for new responses. */
const FRESH_EVERY = 4;

export interface NextCall {
  readonly call: Call;
  readonly from: "probe" | "fresh" | "backlog";
}

/** An endpoint's calls that were read from the store and not sent yet, and which of them goes next. */
export class WaitingCalls {
  /** New responses. */
  readonly fresh = new CallQueue();
  /** Failed calls whose turn has come, or that a tick or a drain takes along. */
  readonly backlog = new CallQueue();
  readonly probe = new CallQueue();
  #taken = 0;

  get isEmpty(): boolean {
    return this.fresh.length === 0 && this.backlog.length === 0 && this.probe.length === 0;
  }

  /** Whether any of it was read before this instant of the monotonic clock. */
  isOlderThan(instant: number): boolean {
    return this.fresh.isOlderThan(instant) || this.backlog.isOlderThan(instant) || this.probe.isOlderThan(instant);
  }

  /** Takes the call that goes next, passing over those of the backlog that `mayGo` refuses. */
  take(mayGo: (call: Call) => boolean): NextCall | undefined {
    const next = this.#next(mayGo);
    if (next) this.#taken += 1;
    return next;
  }

  clear(): void {
    this.fresh.clear();
    this.backlog.clear();
    this.probe.clear();
  }

  #next(mayGo: (call: Call) => boolean): NextCall | undefined {
    const probe = this.probe.take();
    if (probe) return { call: probe, from: "probe" };
    const isFreshsTurn = this.fresh.length > 0 && this.#taken % FRESH_EVERY === FRESH_EVERY - 1;
    for (let call = isFreshsTurn ? undefined : this.backlog.take(); call; call = this.backlog.take()) {
      if (mayGo(call)) return { call, from: "backlog" };
    }
    const fresh = this.fresh.take();
    return fresh && { call: fresh, from: "fresh" };
  }
}
