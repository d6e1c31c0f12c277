import type { ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import { count } from "../../../domain/count.js";
import { spellDuration } from "../../../domain/duration.js";
import { DEFAULT_RETRY_POLICY } from "../../../domain/retry-policy.js";
import { describeNotice } from "../../output/outage-text.js";
import type { RenderOptions } from "../../output/screen.js";
import { formatInstant, formatRelative } from "../../output/times.js";

export interface CallFacts {
  readonly call: ListedCall;
  readonly callback: ListedCallback;
  /** Open; null if there is none or it isn't returned. */
  readonly outage: ListedOutage | null;
}

const INTERVAL = spellDuration(DEFAULT_RETRY_POLICY.intervalMs);

export function explainCall(facts: CallFacts, options: Pick<RenderOptions, "utc" | "now">): readonly string[] {
  const { call, outage } = facts;
  // Only `whcb serve` counts attempts and says what comes next.
  if (call.attemptCount === null) return explainUnreported(facts);
  const sentences = call.status === "FAILED" ? explainFailed(facts, options) : [explainOther(call, facts.callback)];
  if (outage === null || call.status === "SUCCESS") return sentences;
  const since = formatInstant(outage.startedAt, options.utc);
  const notice = describeNotice(outage, facts.callback, options);
  const failed = count(outage.failedCalls, "failed call");
  return [...sentences, `The endpoint has been down since ${since} (${failed}${notice === null ? "" : `; ${notice}`}).`];
}

function explainFailed({ call, callback }: CallFacts, options: Pick<RenderOptions, "utc" | "now">): readonly string[] {
  const at = (instant: number) => `${formatInstant(instant, options.utc)} (${formatRelative(instant, options.now)})`;
  const reason = call.settledBy === "user" ? ["It was marked FAILED."] : [];
  if (isHeld(call)) reason.push("It is held: it arrived while the endpoint was down and hasn't been sent yet.");
  if (call.nextAttemptAt !== null) {
    const until = call.retryUntil === null ? "" : `, then about every ${INTERVAL} until ${at(call.retryUntil)}`;
    return [...reason, `The service sends it again at ${at(call.nextAttemptAt)}${until}.`];
  }
  if (call.retryUntil !== null && call.retryUntil <= options.now) {
    reason.push(`Its retry window ended at ${at(call.retryUntil)}: the service won't send it again by itself.`);
  } else if (!callback.retriesEnabled) {
    reason.push("Retries are off for this callback: the service won't send it again by itself.");
  } else {
    reason.push("No retry is scheduled: the service won't send it again by itself.");
  }
  return reason;
}

function explainUnreported({ call, callback }: CallFacts): readonly string[] {
  if (call.status === "SUCCESS") return ["It was delivered or marked SUCCESS."];
  if (callback.retriesEnabled === null) return ["Retries: unknown, the service didn't return the callback's setting."];
  return [`Retries are ${callback.retriesEnabled ? "on" : "off"} for this callback.`];
}

function explainOther(call: ListedCall, callback: ListedCallback): string {
  if (call.status === "PENDING") return "It is waiting for its first attempt.";
  if (call.settledBy === "user") return "It was marked SUCCESS; nothing more is sent.";
  if (call.settledBy === "replay") return `${callback.name} accepted it in a replay (200); nothing more is sent.`;
  return `${callback.name} accepted it (200); nothing more is sent.`;
}

function isHeld(call: ListedCall): boolean {
  return call.attemptCount === 0 && call.statusMessage?.startsWith("Held:") === true;
}
