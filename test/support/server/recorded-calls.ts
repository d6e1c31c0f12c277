/** These calls get a history in a real store, as the dispatcher would record it. */
import type { AttemptCause, DeliveryResult } from "../../../src/domain/attempt.js";
import type { Call } from "../../../src/domain/call.js";
import { NEW_ENDPOINT } from "../../../src/domain/endpoint.js";
import type { OpenOutage } from "../../../src/domain/outage.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import type { Store } from "../../../src/store/open-store.js";
import { fetchPending } from "../store/waiting-calls.js";

export const BUSY: DeliveryResult = { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "busy" };
export const OK: DeliveryResult = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" };
export const REFUSED: DeliveryResult = { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" };

export interface RecordedAttempt {
  readonly result: DeliveryResult;
  readonly startedAt: number;
  /** By default it is the first. */
  readonly cause?: AttemptCause;
}

/** Records one attempt of each call, in one group. A given outage is open afterwards. */
export async function recordAttempts(
  store: Store,
  calls: readonly Call[],
  attemptOf: (call: Call, index: number) => RecordedAttempt,
  outage: OpenOutage | null = null,
): Promise<void> {
  const [first] = calls;
  if (first === undefined) return;
  await store.outcomes.commit({
    attempts: calls.map((call, index) => {
      const { result, startedAt, cause = "first" } = attemptOf(call, index);
      const attempt = { number: call.attemptCount + 1, startedAt, durationMs: 12, cause, result };
      return { callbackId: call.callbackId, callId: call.id, callSeq: call.seq, attempt, random: 0.5, recovery: 0 };
    }),
    holdings: [],
    endpoints: outage === null ? [] : [{ callbackId: first.callbackId, endpoint: NEW_ENDPOINT, outage }],
    closedOutages: [],
    mails: [],
    fences: new Map(),
    policy: DEFAULT_RETRY_POLICY,
    isRepeated: false,
  });
}

export async function pendingCalls(store: Store, callbackId: string): Promise<readonly Call[]> {
  return fetchPending(store, callbackId, 10_000);
}
