/** The rules are in docs/reconcile.md. */
import { idKey } from "../../domain/call.js";
import { DAY_MS } from "../../domain/duration.js";
import type { Clock } from "../../platform/clock.js";
import { append, CallIndex, groupBy, inTurns, type Lists, listOf } from "./call-index.js";
import {
  type ComparableCall,
  comparedFields,
  differences,
  identifies,
  isOfSender,
  lacksFieldOf,
  type ParsePhone,
  refusalsOf,
  replyKeys,
  shapeOfLine,
  type UncomparedValue,
  uncomparedValues,
  type WantedCall,
  wantedCall,
} from "./comparable-call.js";
import { isUuid } from "./received-field.js";
import { timeInId } from "./replay-plan.js";
import type { SeenLine } from "./seen-list.js";

export interface SeenMatch extends Readonly<LineCounts> {
  /** The receiver has these: each is the only match of a line that identifies it. */
  readonly seen: readonly ComparableCall[];
  /** So many of those that are seen have their id in a line, so nobody has to look. */
  readonly seenById: number;
  /** So many more have it in a line that may number something else (`isConfirmed`). */
  readonly unconfirmed: number;
  /** The lines by which they are seen have these values, which took no part. */
  readonly uncompared: readonly UncomparedValue[];
  readonly ambiguous: readonly ComparableCall[];
  /** Lines that match no call nearly match a FAILED one, which has these differently. */
  readonly unlike: readonly string[];
  /** Lines that may be of a FAILED call mention a refusal in these columns, which are ignored. */
  readonly refusing: readonly string[];
  /** So many PENDING calls have their id in a line. */
  readonly waiting: number;
  /** Each has calls that a line matches; it is empty if the line matches none. */
  readonly matched: readonly (readonly ComparableCall[])[];
}

interface LineCounts {
  /** So many lines match no call, not even nearly. */
  unmatched: number;
  /** So many lines don't identify the FAILED call that is their only match. */
  vague: number;
  /** So many lines match no call, but agree with one in all but the time. */
  atOtherTimes: number;
  /** So many lines match a FAILED call that was never sent. */
  unsent: number;
  /** So many lines may be of a reply that no line identifies, instead of the FAILED call that they match. */
  unlisted: number;
}

export interface MatchOptions {
  readonly parsePhone: ParsePhone;
  readonly clock: Clock;
  /** A list with other columns may be of something else that has numbers. */
  readonly hasOnlyIds?: boolean;
}

/** The time grows with the lines and the calls, not with their product. */
export async function matchSeen(
  lines: readonly SeenLine[],
  calls: readonly ComparableCall[],
  { parsePhone, clock, hasOnlyIds = true }: MatchOptions,
): Promise<SeenMatch> {
  const index = new CallIndex(lines);
  await inTurns(calls, clock, (call) => index.add(call));
  const wanted: WantedCall[] = [];
  await inTurns(lines, clock, (line) => wanted.push(wantedCall(index.resolveId(line), parsePhone)));
  const now = clock.now();
  const hasMessageIds = wanted.some(({ line }) => index.isOnlyMessage(line));
  const named = new Set<ComparableCall>();
  const confirmed = new Set<ComparableCall>();
  const waiting = new Set<ComparableCall>();
  const uncompared: UncomparedValue[] = [];
  const open = new Set<readonly ComparableCall[]>();
  /** What lines say of these in ignored columns mentions a refusal, so no other line makes them seen. */
  const refused = new Map<readonly ComparableCall[], Set<string>>();
  const matched = new Set<readonly ComparableCall[]>();
  /** Lines identify these. */
  const listed = new Set<ComparableCall>();
  const unnamed: { readonly line: WantedCall; readonly call: ComparableCall; readonly isClear: boolean }[] = [];
  const counts: LineCounts = { unmatched: 0, vague: 0, atOtherTimes: 0, unsent: 0, unlisted: 0 };
  const unlike = new Set<string>();
  /** A call without an id can be neither marked nor sent. */
  const isToSettle = (call?: ComparableCall): call is ComparableCall => call?.status === "FAILED" && call.id !== "";
  const leaveOpen = (near: readonly (readonly ComparableCall[])[], refusals: readonly string[] = []): void => {
    if (near.length === 0) counts.unmatched += 1;
    for (const alike of near) {
      open.add(alike);
      for (const name of refusals) refused.set(alike, (refused.get(alike) ?? new Set()).add(name));
    }
  };
  for (const alike of groupBy(wanted, shapeOfLine).values()) {
    const matchesOf = await index.matcherFor(alike[0], clock);
    await inTurns(alike, clock, (each) => {
      const [matches, ofMessage] = [matchesOf(each), index.ofMessageOfThatId(each)];
      const first = matches[0]?.[0] ?? ofMessage[0]?.[0];
      // In a list of message ids, one that is a call's id is a message's, too.
      const isOfMessage = ofMessage.length > 0 || (hasMessageIds && each.line.id !== null && each.line.callId !== null);
      const isOne = !isOfMessage && matches.every((found) => found.every((call) => call === first));
      const only = isOne ? first : undefined;
      const isNearToo = matches.length === 0 || (only !== undefined && lacksFieldOf(each, only));
      const isNamed = each.line.callId !== null;
      const others = isNearToo ? index.near(each, only) : [];
      for (const found of matches.length === 0 ? [[]] : matches) matched.add(found);
      if (only !== undefined && identifies(each, only)) listed.add(only);
      const doubts = isToSettle(only) ? doubtsOf(each, only, now) : [];
      const unlikeParts = isToSettle(only) ? each.parts.flatMap((part) => differences(part, only)) : [];
      const refusals = only === undefined || isToSettle(only) ? refusalsOf(each.line, only) : [];
      const near = first === undefined ? others.slice(0, MAX_COMPARED) : [];
      for (const doubt of doubts) counts[doubt] += 1;
      for (const name of unlikeParts) unlike.add(name);
      if (near.some(([call]) => nearDifferences(each, call).join() === "time")) counts.atOtherTimes += 1;
      else for (const [call] of near) if (isToSettle(call)) for (const name of nearDifferences(each, call)) unlike.add(name);
      if (only?.status === "PENDING" && isNamed) waiting.add(only);
      const isClear = [doubts, unlikeParts, refusals, others].every(({ length }) => length === 0);
      if (isToSettle(only) && !isNamed && !doubts.includes("vague")) unnamed.push({ line: each, call: only, isClear });
      if (only === undefined || !isClear) leaveOpen([...matches, ...ofMessage, ...others], refusals);
      else if (isToSettle(only) && isNamed) {
        named.add(only);
        if ((hasOnlyIds && !isBareNumber(each.line)) || isConfirmed(each, only)) confirmed.add(only);
        uncompared.push(...uncomparedValues(each, only));
      }
    });
  }
  const wantedKeys = new Set(unnamed.flatMap(({ call }) => replyKeys(call, true)));
  const otherReplies: Lists<ComparableCall> = new Map();
  await inTurns(wantedKeys.size === 0 ? [] : calls, clock, (call) => {
    if (listed.has(call)) return;
    for (const key of replyKeys(call, call.status === "SUCCESS")) if (wantedKeys.has(key)) append(otherReplies, key, call);
  });
  const seen = new Set(named);
  await inTurns(unnamed, clock, ({ line, call, isClear }) => {
    const unlisted = replyKeys(call, true).flatMap((key) => listOf(otherReplies.get(key)));
    if (unlisted.length > 0) {
      leaveOpen([[call], ...unlisted]);
      counts.unlisted += 1;
    } else if (isClear) {
      seen.add(call);
      uncompared.push(...uncomparedValues(line, call));
    }
  });
  const refusing = new Set<string>();
  for (const [alike, names] of refused) {
    for (const call of alike) for (const calls of [named, confirmed, seen]) calls.delete(call);
    if (alike.some(isToSettle)) for (const name of names) refusing.add(name);
  }
  const possible = new Set([...open].flat());
  return {
    seen: calls.filter((call) => seen.has(call)),
    seenById: confirmed.size,
    unconfirmed: named.size - confirmed.size,
    uncompared,
    ambiguous: calls.filter((call) => isToSettle(call) && possible.has(call) && !seen.has(call)),
    ...counts,
    unlike: [...unlike],
    refusing: [...refusing],
    waiting: waiting.size,
    matched: [...matched],
  };
}

/** Of what a line nearly matches, so much is compared with it, for a warning. */
const MAX_COMPARED = 4;

/** Returns what a line has differently from a call that it doesn't match. */
function nearDifferences(wanted: WantedCall, call: ComparableCall): readonly string[] {
  const { callId } = wanted.line;
  const isOther = callId !== null && idKey(callId) !== idKey(call.id);
  return [...(isOther ? ["call id"] : []), ...differences(wanted, call)];
}

/** An earlier call may have had the same id, and a plan has times to come. Dates without a zone are up to a day off. */
function mayHaveArrived({ arrivals }: SeenLine, { id, minutes }: ComparableCall, now: number): boolean {
  const since = minutes.length === 0 ? timeInId(id, now) : Math.min(...minutes) * 60_000;
  const earliest = (since ?? 0) - DAY_MS;
  return arrivals.every((instants) => instants.some((at) => at >= earliest && at <= now + DAY_MS));
}

const DOUBTS = ["vague", "atOtherTimes", "unsent"] as const;
type Doubt = (typeof DOUBTS)[number];

/** Returns why a line leaves open the only call that it matches. */
function doubtsOf(wanted: WantedCall, call: ComparableCall, now: number): readonly Doubt[] {
  const doubts: Readonly<Record<Doubt, boolean>> = {
    vague: !identifies(wanted, call),
    atOtherTimes: !mayHaveArrived(wanted.line, call, now),
    unsent: call.isUnsent,
  };
  return DOUBTS.filter((doubt) => doubts[doubt]);
}

/** A receiver may number what it gets, too, and its number be an id that a sender chose for another call, unless the sender agrees. */
function isConfirmed(wanted: WantedCall, call: ComparableCall): boolean {
  return isUuid(call.id) || wanted.line.hasWebhookId || comparedFields(wanted, call)?.some(isOfSender) === true;
}

/** A system may also list its own numbers, without a name. */
function isBareNumber({ id }: SeenLine): boolean {
  return id !== null && /^\d{1,15}$/.test(id);
}
