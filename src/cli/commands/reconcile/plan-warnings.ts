/** What the user has to know before calls are marked. */
import { count } from "../../../domain/count.js";
import { shownUrl } from "../../../domain/mask.js";
import type { ReconcilePlan } from "../../../runs/plan/plan-reconcile.js";
import type { ResolvedSettings } from "../../settings/resolve-settings.js";

const MAX_LISTED = 20;
const MIXED_ZONES = "dates with a time zone are compared with dates without one, which count as UTC";
const OF_FAILED =
  "no line is of a call that was delivered at once, as in a list of failed calls: is it one of what was received?";

/** Each warning has its lines. */
export type Warnings = readonly (readonly string[])[];

export function describeWarnings(plan: ReconcilePlan, settings: ResolvedSettings): Warnings {
  const { ambiguous, unmatched, vague, atOtherTimes, unsent, unlisted, unlike, refusing } = plan;
  const { unreadableNumbers, mixesZones, mayBeOfFailed } = plan;
  const listed = ambiguous.slice(0, MAX_LISTED).map(({ id, from }) => `${id}${from === "" ? "" : ` from ${from}`}`);
  const others = ambiguous.length > MAX_LISTED ? [`and ${ambiguous.length - MAX_LISTED} more (-o json lists all)`] : [];
  const ambiguousCalls = `${count(ambiguous.length, "ambiguous call")}, which your system may have: neither marked nor sent`;
  const unsure = `${count(vague, "line")} not identifying the call that it matches: a line needs the call's id, or the sender, the content and the time of the reply`;
  const times = `${count(atOtherTimes, "line")} agreeing with a call but for the time: if yours is another one, such as that of an import, leave it out`;
  const neverSent = `${count(unsent, "line")} matching a call that has no outcome yet, or whose one attempt found no connection: your system has it from the service only if an attempt is in flight, or was cut off; if it has it from an import, or a replay that was killed: \`whcb mark-success\` with its id`;
  const otherReplies = `${count(unlisted, "line")} that may be of another reply to the message, which no line identifies: the sender's with the same content, or a delivered one that is much like it`;
  const differ = `lines nearly matching a failed call, but with another ${unlike.join(", ")}: it may be cut off, or written in another way`;
  const refusals = `lines mentioning a refusal in a column that --ignore names (${refusing.join(", ")}): leave it out if it says nothing of the line`;
  const numbers = `${count(unreadableNumbers, "number")} compared only with equally long ones, as they are written; for numbers in local form: whcb config set country AU`;
  const areZonesUnclear = mixesZones && settings.timezone.from === "default";
  const reply = `${count(seenByReply(plan), "call")} that the system of another callback may have, too, as the same reply: is the list of what ${shownUrl(plan.callback)} received?`;
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
    seenByReply(plan) === 0 ? [] : [reply],
    mayBeOfFailed ? [OF_FAILED] : [],
    plan.waiting > 0 ? [waitingText(plan)] : [],
  ].filter((lines) => lines.length > 0);
}

/** Counts the calls that are seen by message id, sender, content and time. */
export function seenByReply({ seen, seenById, unconfirmed }: ReconcilePlan): number {
  return seen.length - seenById - unconfirmed;
}

export function waitingText({ waiting }: ReconcilePlan): string {
  return `${count(waiting, "call")} that your system has, but that will be sent, as no attempt has ended: \`whcb mark-success\` with the ids prevents that`;
}
