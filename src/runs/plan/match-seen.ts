/** The rules are in docs/cli.md, Reconcile. */
import { idKey } from "../../domain/call.js";
import type { Clock } from "../../platform/clock.js";
import {
  type ComparableCall,
  comparedFields,
  differences,
  type Field,
  formOf,
  isOfSender,
  type ParsePhone,
  SENDER_KINDS,
  type UncomparedValue,
  uncomparedValues,
  VALUES,
  type Values,
  type WantedCall,
  wantedCall,
} from "./comparable-call.js";
import { isUuid } from "./received-field.js";
import { timeInId } from "./replay-plan.js";
import { givesAddress, type SeenLine, textKey } from "./seen-list.js";

export interface SeenMatch {
  /** The receiver has these: each is the only match of a line that identifies it. */
  readonly seen: readonly ComparableCall[];
  /** So many of them have their id in a line. */
  readonly seenById: number;
  /** So many more have it in a line that may number something else (`isConfirmed`). */
  readonly unconfirmed: number;
  /** The lines by which they are seen have these values, which took no part. */
  readonly uncompared: readonly UncomparedValue[];
  readonly ambiguous: readonly ComparableCall[];
  /** So many lines match no call, not even nearly. */
  readonly unmatched: number;
  /** So many lines don't identify the FAILED call that is their only match. */
  readonly vague: number;
  /** So many lines match no call, but agree with one in all but the time. */
  readonly atOtherTimes: number;
  /** Lines that match no call nearly match a FAILED one, which has these differently. */
  readonly unlike: readonly string[];
  /** So many PENDING calls have their id in a line. */
  readonly waiting: number;
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
  const index = new CallIndex();
  await inTurns(calls, clock, (call) => index.add(call));
  const wanted: WantedCall[] = [];
  await inTurns(lines, clock, (line) => wanted.push(wantedCall(index.resolveId(line), parsePhone)));
  const now = clock.now();
  const hasMessageIds = wanted.some(({ line }) => index.isOnlyMessage(line));
  const named = new Set<ComparableCall>();
  const confirmed = new Set<ComparableCall>();
  const waiting = new Set<ComparableCall>();
  const uncompared: UncomparedValue[] = [];
  const possible = new Set<ComparableCall>();
  const taken = new Set<readonly ComparableCall[]>();
  const matched = new Set<readonly ComparableCall[]>();
  const unnamed: { readonly line: WantedCall; readonly call: ComparableCall }[] = [];
  let [unmatched, vague, atOtherTimes] = [0, 0, 0];
  const unlike = new Set<string>();
  /** A call without an id can be neither marked nor sent. */
  const isToSettle = ({ id, status }: ComparableCall): boolean => id !== "" && status === "FAILED";
  const take = (near: readonly (readonly ComparableCall[])[]): void => {
    if (near.length === 0) unmatched += 1;
    for (const alike of near) {
      if (taken.has(alike)) continue;
      taken.add(alike);
      for (const call of alike) if (isToSettle(call)) possible.add(call);
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
      const isNearToo = first === undefined || (only !== undefined && lacksFieldOf(each, only));
      const isNamed = each.line.callId !== null;
      const others = isNearToo ? index.near(each, only) : isNamed || !only ? [] : index.withOtherContent(each, only);
      for (const found of matches) matched.add(found);
      const unlikeParts = only === undefined ? [] : each.parts.flatMap((part) => differences(part, only));
      const isAtOtherTime = only !== undefined && !mayHaveArrived(each.line, only, now);
      const isVague = only !== undefined && !identifies(each, only);
      if (isVague && isToSettle(only)) vague += 1;
      const near = first === undefined ? others.slice(0, MAX_COMPARED) : [];
      if (near.some(([call]) => differences(each, call).join() === "time")) atOtherTimes += 1;
      else for (const [call] of near) if (isToSettle(call)) for (const name of differences(each, call)) unlike.add(name);
      if (isAtOtherTime && isToSettle(only)) atOtherTimes += 1;
      if (only !== undefined && isToSettle(only)) for (const name of unlikeParts) unlike.add(name);
      if (only?.status === "PENDING" && isNamed) waiting.add(only);
      if (only === undefined || isVague || isAtOtherTime || unlikeParts.length > 0 || others.length > 0)
        take([...matches, ...ofMessage, ...others]);
      else if (isToSettle(only) && isNamed) {
        named.add(only);
        if (hasOnlyIds || isConfirmed(each, only)) confirmed.add(only);
        uncompared.push(...uncomparedValues(each, only));
      } else if (isToSettle(only)) unnamed.push({ line: each, call: only });
    });
  }
  // The line may be that of a reply which the list has in another form.
  const hasUnlisted = index.unlistedFinder(new Set([...matched].flat()));
  const seen = new Set(named);
  await inTurns(unnamed, clock, ({ line, call }) => {
    const isOpen = hasUnlisted(line, call);
    (isOpen ? possible : seen).add(call);
    if (!isOpen) uncompared.push(...uncomparedValues(line, call));
  });
  return {
    seen: calls.filter((call) => seen.has(call)),
    seenById: confirmed.size,
    unconfirmed: named.size - confirmed.size,
    uncompared,
    ambiguous: calls.filter((call) => possible.has(call) && !seen.has(call)),
    unmatched,
    vague,
    atOtherTimes,
    unlike: [...unlike],
    waiting: waiting.size,
  };
}

/** Of what a line nearly matches, so much is compared with it, for a warning. */
const MAX_COMPARED = 4;

const DAY_MS = 24 * 60 * 60 * 1_000;

/** An earlier call may have had the same id, and a plan has times to come. Dates without a zone are up to a day off. */
function mayHaveArrived({ arrivals }: SeenLine, { id, minutes }: ComparableCall, now: number): boolean {
  const since = minutes.length === 0 ? timeInId(id, now) : Math.min(...minutes) * 60_000;
  const earliest = (since ?? 0) - DAY_MS;
  return arrivals.every((instants) => instants.some((at) => at >= earliest && at <= now + DAY_MS));
}

const [ANY_TIME, NO_TIME] = ["any time", "no time"];

/** Returns the times of replies that a line may be of if it matches the call. One without a time may be of any minute. */
function timesOf({ line }: WantedCall, call: ComparableCall): Values {
  return line.minute === null || call.minutes.length === 0 ? [ANY_TIME] : [line.minute, NO_TIME];
}

/** Without a sender or a time, a call matches lines of every sender or time. */
function lacksFieldOf(wanted: WantedCall, call: ComparableCall): boolean {
  const givesSender = wanted.anySender.length > 0 || SENDER_KINDS.some((kind) => wanted.senders[kind].length > 0);
  const isSenderCompared = comparedFields(wanted, call)?.some(isOfSender) === true;
  return (givesSender && !isSenderCompared) || (wanted.line.minute !== null && call.minutes.length === 0);
}

/** A receiver may number what it gets, too, and its number be an id that a sender chose for another call, unless the sender agrees. */
function isConfirmed(wanted: WantedCall, call: ComparableCall): boolean {
  return isUuid(call.id) || wanted.line.hasWebhookId || comparedFields(wanted, call)?.some(isOfSender) === true;
}

/**
 * A service keeps what was delivered for a shorter time than what failed, so the only match may be another reply to the message than the
 * line's. Without a call id, the sender and the content or the time must agree, and no time may be left uncompared. A sender without an
 * address has a name, other members, or nothing.
 */
function identifies(wanted: WantedCall, call: ComparableCall): boolean {
  const { line } = wanted;
  if (line.callId !== null) return true;
  if (line.minute !== null && call.hasUnreadDate) return false;
  const compared = comparedFields(wanted, call) ?? [];
  const [hasContent, hasTime] = [compared.includes("content"), compared.includes("minute")];
  const isSure = (value: string | number | null): boolean =>
    typeof value === "string" && !call.doubtful.has(value) && !wanted.doubtful.has(value);
  const isSameAddress = (field: Field): boolean =>
    VALUES[field][0](call).some((value) => isSure(value) && VALUES[field][1](wanted).includes(value));
  if (compared.some((field) => isOfSender(field) && isSameAddress(field))) return hasContent || hasTime;
  const isSameName = call.namesAlone?.includes(textKey(line.name ?? "")) === true;
  const isSameSender = !givesAddress(line) && isSameName && call.otherSenders.includes(line.otherSender ?? "");
  return isSameSender && hasContent && hasTime;
}

const PER_TURN = 256;

/** The event loop turns now and then: Ctrl-C is answered, and locks are renewed. */
async function inTurns<Item>(items: readonly Item[], clock: Clock, work: (item: Item) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % PER_TURN === 0) await clock.nextTurn();
    work(item);
  }
}

/** Lines of one shape have the same fields to compare with calls of one shape. */
function shapeOfLine({ line: { callId, kind, minute, content }, senders, anySender }: WantedCall): string {
  const values = [callId, kind, minute, content].map((value) => value !== null);
  return JSON.stringify([...values, ...[...SENDER_KINDS.map((kind) => senders[kind]), anySender].map(formOf)]);
}

function shapeOfCall({ kinds, minutes, contents, senders }: ComparableCall): string {
  const forms = SENDER_KINDS.map((kind) => formOf(senders[kind]));
  return JSON.stringify([...[kinds, minutes, contents].map(({ length }) => length > 0), ...forms]);
}

type Filled<Item> = readonly [Item, ...Item[]];
type Lists<Item> = Map<string, [Item, ...Item[]]>;
type MatchesOf = (wanted: WantedCall) => readonly Filled<ComparableCall>[];

class CallIndex {
  readonly #byId: Lists<ComparableCall> = new Map();
  readonly #byMessage: Lists<ComparableCall> = new Map();
  readonly #bySender: Lists<ComparableCall> = new Map();
  readonly #byOtherContent: Lists<ComparableCall> = new Map();
  readonly #byShape: Lists<ComparableCall> = new Map();
  /** Contents may be long, so a key has a number for each. */
  readonly #numbers = new Map<unknown, number>();

  add(call: ComparableCall): void {
    if (call.id !== "") append(this.#byId, idKey(call.id), call);
    for (const messageId of call.messageIds) append(this.#byMessage, messageId, call);
    append(this.#byShape, shapeOfCall(call), call);
    const isUndated = call.hasUnreadDate || call.minutes.length === 0;
    const times = [ANY_TIME, ...call.minutes, ...(isUndated ? [NO_TIME] : [])];
    for (const kind of SENDER_KINDS) {
      const ofSender = [call.messageIds, [kind], call.senders[kind], times];
      for (const key of this.#keys(...ofSender)) append(this.#bySender, key, call);
      for (const key of this.#keys(...ofSender, call.otherContents)) append(this.#byOtherContent, key, call);
    }
  }

  /** A bare id is a call's if there is such a call, and a message's otherwise. */
  resolveId(line: SeenLine): SeenLine {
    if (line.id === null) return line;
    const key = idKey(line.id);
    return this.#byId.has(key) ? { ...line, callId: line.id } : { ...line, messageId: key };
  }

  /** Returns what finds, for lines of the example's shape, the calls that agree in every field that both have, each in one list. */
  async matcherFor(example: WantedCall, clock: Clock): Promise<MatchesOf> {
    if (example.line.callId !== null)
      return (wanted) => this.#ofId(wanted).filter((named) => named.some((call) => differences(wanted, call).length === 0));
    const indexes: { readonly fields: readonly Field[]; readonly calls: Lists<ComparableCall> }[] = [];
    for (const alike of this.#byShape.values()) {
      const fields = comparedFields(example, alike[0]);
      if (fields === null) continue;
      const calls: Lists<ComparableCall> = new Map();
      await inTurns(alike, clock, (call) => {
        for (const key of this.#keys(call.messageIds, ...fields.map((field) => VALUES[field][0](call)))) append(calls, key, call);
      });
      indexes.push({ fields, calls });
    }
    return (wanted) =>
      indexes.flatMap(({ fields, calls }) => {
        const keys = this.#keys([wanted.line.messageId], ...fields.map((field) => VALUES[field][1](wanted)));
        return keys.flatMap((key) => listOf(calls.get(key)));
      });
  }

  /** Finds the call of its id if none matches, and those of its message that share a sender. Lists of which `match` is all are left out. */
  near(wanted: WantedCall, match?: ComparableCall): readonly Filled<ComparableCall>[] {
    return [...(match ? [] : this.#ofId(wanted)), ...this.#ofSender(this.#bySender, wanted, [[ANY_TIME]], match)];
  }

  /** Finds those of them, at the time of the match, whose content a program may have written as the line's. */
  withOtherContent(wanted: WantedCall, match: ComparableCall): readonly Filled<ComparableCall>[] {
    return this.#ofSender(this.#byOtherContent, wanted, [timesOf(wanted, match), [wanted.line.looseContent]], match);
  }

  /** Returns what tells whether the sender has, at the time of the match, a reply to the message that arrived, and that no line has. */
  unlistedFinder(listed: ReadonlySet<ComparableCall>): (wanted: WantedCall, match: ComparableCall) => boolean {
    const known = new Map<readonly ComparableCall[], boolean>();
    const hasUnlisted = (calls: readonly ComparableCall[]): boolean => {
      const has = known.get(calls) ?? calls.some((call) => call.status === "SUCCESS" && !listed.has(call));
      known.set(calls, has);
      return has;
    };
    return (wanted, match) => this.#ofSender(this.#bySender, wanted, [timesOf(wanted, match)]).some(hasUnlisted);
  }

  #ofSender(
    lists: Lists<ComparableCall>,
    { line: { messageId }, senders, anySender }: WantedCall,
    values: readonly Values[],
    match?: ComparableCall,
  ): readonly Filled<ComparableCall>[] {
    const keys = SENDER_KINDS.flatMap((kind) => this.#keys([messageId], [kind], [...senders[kind], ...anySender], ...values));
    return keys.flatMap((key) => listOf(lists.get(key))).filter((calls) => calls.some((call) => call !== match));
  }

  /** Whether a line's bare id is a message's, and no call's. */
  isOnlyMessage({ id, callId, messageId }: SeenLine): boolean {
    return id !== null && callId === null && messageId !== null && this.#byMessage.has(messageId);
  }

  /** Finds the calls of the message that has the bare id of a line too, if a call has it: replies to it that arrived may be listed no more. */
  ofMessageOfThatId({ line: { id, callId } }: WantedCall): readonly Filled<ComparableCall>[] {
    return id === null || callId === null ? [] : listOf(this.#byMessage.get(idKey(id)));
  }

  /** If several calls have equal ids, the line means the one that it spells; if there is none, it may mean any. */
  #ofId({ line: { callId } }: WantedCall): readonly Filled<ComparableCall>[] {
    const equal = this.#byId.get(idKey(callId ?? ""));
    const exact = equal?.find(({ id }) => id === callId);
    return listOf(exact === undefined ? equal : [exact]);
  }

  /** Makes a key of each choice of a value from each list. */
  #keys(...lists: readonly Values[]): readonly string[] {
    let keys = [""];
    for (const values of lists) {
      const longer: string[] = [];
      for (const value of values) {
        if (value === null) continue;
        const number = this.#numberOf(value);
        for (const key of keys) longer.push(`${key} ${number}`);
      }
      keys = longer;
    }
    return keys;
  }

  #numberOf(value: unknown): string {
    const known = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, known);
    return String(known);
  }
}

function listOf<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value];
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Lists<Value> {
  const groups: Lists<Value> = new Map();
  for (const value of values) append(groups, keyOf(value), value);
  return groups;
}

function append<Value>(map: Lists<Value>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
