/** What the user has to know before calls are marked. */
import { count } from "../../../domain/count.js";
import type { ReconcilePlan } from "../../../runs/plan/plan-reconcile.js";
import type { ResolvedSettings } from "../../settings/resolve-settings.js";

const MAX_LISTED = 20;
const MIXED_ZONES = "dates with a time zone are compared with dates without one, which count as UTC";
const OF_FAILED =
  "no line is of a call that was delivered at once, as in a list of failed calls: is it one of what was received?";
const BY_LESS =
  "what a line names by less than the call's id may be another reply, if your system changes message ids, senders, contents or times, or lists a reply twice: look at these calls (`--dry-run -o ids` lists all to mark)";
const LACKS_WAITING =
  "the service lists no calls that wait: if there are any, a line of one may mark another call, unless it has the call's id";

/** Each warning has its lines. */
export type Warnings = readonly (readonly string[])[];

export function describeWarnings(plan: ReconcilePlan, settings: ResolvedSettings): Warnings {
  const { ambiguous, unmatched, vague, atOtherTimes, unsent, unlisted, unlike, refusing } = plan;
  const { unreadableNumbers, mixesZones, mayLackWaiting, mayBeOfFailed } = plan;
  const listed = ambiguous.slice(0, MAX_LISTED).map(({ id, from }) => `${id}${from === "" ? "" : ` from ${from}`}`);
  const others = ambiguous.length > MAX_LISTED ? [`and ${ambiguous.length - MAX_LISTED} more (-o json lists all)`] : [];
  const ambiguousCalls = `${count(ambiguous.length, "ambiguous call")}, which your system may have: neither marked nor sent`;
  const unsure = `${count(vague, "line")} not identifying the call that it matches: a line needs the call's id, or the sender and the content or time`;
  const times = `${count(atOtherTimes, "line")} agreeing with a call but for the time: if yours is another one, such as that of an import, leave it out`;
  const neverSent = `${count(unsent, "line")} matching a call that has no outcome yet, or whose one attempt found no connection: your system has it from the service only if an attempt is in flight, or was cut off; if it has it from an import, or a replay that was killed: \`whcb mark-success\` with its id`;
  const otherReplies = `${count(unlisted, "line")} that may be another reply's, which no line identifies; does your system change or cut contents, or is its clock or time zone another one?`;
  const differ = `lines nearly matching a failed call, but with another ${unlike.join(", ")}: it may be cut off, or written in another way`;
  const refusals = `lines mentioning a refusal in a column that --ignore names (${refusing.join(", ")}): leave it out if it says nothing of the line`;
  const numbers = `${count(unreadableNumbers, "number")} compared only with equally long ones, as they are written; for numbers in local form: whcb config set country AU`;
  const areZonesUnclear = mixesZones && settings.timezone.from === "default";
  const zones = `${MIXED_ZONES}: the profile's \`timezone\` isn't set`;
  return [
    ambiguous.length === 0 ? [] : [ambiguousCalls, ...listed, ...others],
    vague === 0 ? [] : [unsure],
    atOtherTimes === 0 ? [] : [times],
    unsent === 0 ? [] : [neverSent],
    unlisted === 0 ? [] : [otherReplies],
    unlike.length === 0 ? [] : [differ],
    refusing.length === 0 ? [] : [refusals],
    unmatched === 0 ? [] : [`${count(unmatched, "line")} matching no call`],
    unreadableNumbers === 0 ? [] : [numbers],
    areZonesUnclear ? [zones] : [],
    mayLackWaiting ? [LACKS_WAITING] : [],
    mayBeOfFailed ? [OF_FAILED] : [],
    seenByLess(plan) > 0 ? [BY_LESS] : [],
    plan.waiting > 0 ? [waitingText(plan)] : [],
  ].filter((lines) => lines.length > 0);
}

/** Counts the calls that the list names by less than their ids. */
export function seenByLess({ seen, seenById, unconfirmed }: ReconcilePlan): number {
  return seen.length - seenById - unconfirmed;
}

export function waitingText({ waiting }: ReconcilePlan): string {
  return `${count(waiting, "call")} that your system has, but that will be sent, as no attempt has ended: \`whcb mark-success\` with the ids prevents that`;
}
