/** Why a call is where it is, and what comes next, in sentences. */
import type { ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import type { RenderOptions } from "../../output/render-options.js";
import { formatInstant, formatRelative } from "../../output/times.js";

export interface CallFacts {
  readonly call: ListedCall;
  readonly callback: ListedCallback;
  /** The callback's open outage; null where there is none, or the service doesn't tell. */
  readonly outage: ListedOutage | null;
}

export function explainCall(facts: CallFacts, options: Pick<RenderOptions, "utc" | "now">): readonly string[] {
  const { call, outage } = facts;
  const sentences = call.status === "FAILED" ? explainFailed(facts, options) : [explainOther(call, facts.callback)];
  if (outage === null || call.status === "SUCCESS") return sentences;
  const since = formatInstant(outage.startedAt, options.utc);
  const told =
    outage.notifiedAt === null ? "" : `, ${facts.callback.email} was told at ${formatInstant(outage.notifiedAt, options.utc)}`;
  return [...sentences, `The endpoint has had an outage since ${since} (${outage.failedCalls} calls failed${told}).`];
}

function explainFailed({ call, callback }: CallFacts, options: Pick<RenderOptions, "utc" | "now">): readonly string[] {
  const at = (instant: number) => `${formatInstant(instant, options.utc)} (${formatRelative(instant, options.now)})`;
  const reason = call.settledBy === "user" ? ["A person marked it FAILED."] : [];
  if (isHeld(call)) reason.push("It is held: it came while the endpoint was down, and hasn't been sent yet.");
  if (call.nextAttemptAt !== null) {
    const until = call.retryUntil === null ? "" : `, and then about every interval until ${at(call.retryUntil)}`;
    return [...reason, `The service sends it again ${at(call.nextAttemptAt)}${until}.`];
  }
  if (call.retryUntil !== null && call.retryUntil <= options.now) {
    reason.push(`Its retry window ended ${at(call.retryUntil)}: the service won't send it again by itself.`);
  } else if (!callback.retriesEnabled) {
    reason.push("Retries are off for this callback: the service won't send it again by itself.");
  } else if (call.attemptCount === null) {
    reason.push("Retries are on for this callback; the service doesn't tell when the next one is due.");
  } else {
    reason.push("Nothing is due: the service won't send it again by itself.");
  }
  return reason;
}

function explainOther(call: ListedCall, callback: ListedCallback): string {
  if (call.status === "PENDING") return "It waits for its first attempt.";
  return call.settledBy === "user"
    ? "A person marked it SUCCESS; nothing more is sent."
    : `${callback.name} took it (200); nothing more is sent.`;
}

function isHeld(call: ListedCall): boolean {
  return call.attemptCount === 0 && call.statusMessage?.startsWith("Held:") === true;
}
