/** A call as the service lists it (contract.md, Calls). */
import type { Attempt } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { type RetryPolicy, retryUntil } from "../../domain/retry-policy.js";
import { toIsoDate } from "../dates.js";
import type { Link } from "../links.js";
import { attemptToJson } from "./attempt-json.js";
import { responseToJson } from "./response-json.js";

export interface CallSurroundings {
  readonly callback: Pick<Callback, "id" | "name" | "url" | "retriesEnabled">;
  readonly policy: RetryPolicy;
  readonly link: readonly Link[];
  /** With `expand=attempts`. */
  readonly attempts?: readonly Attempt[];
}

export function callToJson(call: Call, { callback, policy, link, attempts }: CallSurroundings): Record<string, unknown> {
  return {
    id: call.id,
    status: call.status,
    ...responseToJson(call.response),
    callback: {
      id: callback.id,
      name: callback.name,
      url: callback.url,
      ...(call.attemptedAt !== null && { attemptedDate: toIsoDate(call.attemptedAt) }),
      ...(call.statusCode !== null && { statusCode: call.statusCode }),
      ...(call.statusMessage !== null && { statusMessage: call.statusMessage }),
    },
    attemptCount: call.attemptCount,
    ...(call.due !== null && { nextAttemptDate: toIsoDate(call.due.at) }),
    ...(isWithinReach(call, callback) && { retryUntil: toIsoDate(retryUntil(call.firstFailedAt ?? 0, policy)) }),
    ...(call.settledBy !== null && { settledBy: call.settledBy }),
    ...(attempts !== undefined && { attempts: attempts.map(attemptToJson) }),
    link,
  };
}

/** Only a failed call of a callback that retries has an end of its window to tell. */
function isWithinReach(call: Call, callback: CallSurroundings["callback"]): boolean {
  return call.status === "FAILED" && call.firstFailedAt !== null && callback.retriesEnabled;
}
