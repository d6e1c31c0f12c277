/** Makes one request and says what came of it: whatever happens, that is an attempt. */
import type { Attempt, AttemptCause, DeliveryResult } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import type { Callback } from "../domain/callback.js";
import type { Clock } from "../platform/clock.js";

export interface AttemptDeps {
  readonly clock: Clock;
  /** Makes the request. */
  send(callback: Callback, call: Call): Promise<DeliveryResult>;
}

/** The wall clock and the monotonic one may differ by as much over one request without either having been set. */
const CLOCKS_APART_MS = 1_000;

export async function makeAttempt(callback: Callback, call: Call, cause: AttemptCause, deps: AttemptDeps): Promise<Attempt> {
  const { clock } = deps;
  const startedAt = clock.now();
  const began = clock.monotonicMs();
  const result = await resultOf(callback, call, deps);
  const durationMs = Math.round(clock.monotonicMs() - began);
  const number = call.attemptCount + 1;
  return { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result };
}

async function resultOf(callback: Callback, call: Call, { send }: AttemptDeps): Promise<DeliveryResult> {
  try {
    return await send(callback, call);
  } catch (error) {
    // A request that can't even be built costs its call an attempt, not the endpoint its worker.
    return { kind: "unreachable", reason: "protocol", detail: String(error) };
  }
}

/** When an attempt began; by a clock that was set back since, so that it doesn't end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}
