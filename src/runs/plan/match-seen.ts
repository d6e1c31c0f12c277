/** The rules are in docs/cli.md, Reconcile. */
import { idKey } from "../../domain/call.js";
import { DAY_MS } from "../../domain/duration.js";
import type { Clock } from "../../platform/clock.js";
import {
  type ComparableCall,
  comparedFields,
  differences,
  type Field,
  identifies,
  isOfSender,
  lacksFieldOf,
  type ParsePhone,
  refusalsOf,
  SENDER_KINDS,
  shapeOfCall,
  shapeOfLine,
  type UncomparedValue,
  uncomparedValues,
  VALUES,
  type Values,
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
  /** Lines that match a FAILED call mention a refusal in these columns, which are ignored. */
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
  /** So many lines may be of a reply that arrived, and that no line has, instead of the FAILED call that they match. */
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
  const counts: LineCounts = { unmatched: 0, vague: 0, atOtherTimes: 0, unsent: 0, unlisted: 0 };
  const unlike = new Set<string>();
  const refusing = new Set<string>();
  /** A call without an id can be neither marked nor sent. */
  const isToSettle = (call?: ComparableCall): call is ComparableCall => call?.status === "FAILED" && call.id !== "";
  const take = (near: readonly (readonly ComparableCall[])[]): void => {
    if (near.length === 0) counts.unmatched += 1;
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
      for (const found of matches.length === 0 ? [[]] : matches) matched.add(found);
      const doubts = isToSettle(only) ? doubtsOf(each, only, now) : [];
      const unlikeParts = isToSettle(only) ? each.parts.flatMap((part) => differences(part, only)) : [];
      const refusals = isToSettle(only) ? refusalsOf(each.line, only) : [];
      const near = first === undefined ? others.slice(0, MAX_COMPARED) : [];
      for (const doubt of doubts) counts[doubt] += 1;
      for (const name of unlikeParts) unlike.add(name);
      for (const name of refusals) refusing.add(name);
      if (near.some(([call]) => differences(each, call).join() === "time")) counts.atOtherTimes += 1;
      else for (const [call] of near) if (isToSettle(call)) for (const name of differences(each, call)) unlike.add(name);
      if (only?.status === "PENDING" && isNamed) waiting.add(only);
      if (only === undefined || [doubts, unlikeParts, refusals, others].some(({ length }) => length > 0))
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
    if (isOpen) counts.unlisted += 1;
    else uncompared.push(...uncomparedValues(line, call));
  });
  return {
    seen: calls.filter((call) => seen.has(call)),
    seenById: confirmed.size,
    unconfirmed: named.size - confirmed.size,
    uncompared,
    ambiguous: calls.filter((call) => possible.has(call) && !seen.has(call)),
    ...counts,
    unlike: [...unlike],
    refusing: [...refusing],
    waiting: waiting.size,
    matched: [...matched],
  };
}

/** Of what a line nearly matches, so much is compared with it, for a warning. */
const MAX_COMPARED = 4;

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

const [ANY, NO_TIME, NO_CONTENT] = ["any", "no time", "no content"];

/** Returns the times of replies that a line may be of if it matches the call. One without a time may be of any minute. */
function timesOf({ line }: WantedCall, call: ComparableCall): Values {
  return line.minute === null || call.minutes.length === 0 ? [ANY] : [line.minute, NO_TIME];
}

function contentsOf({ line }: WantedCall, call: ComparableCall): Values {
  return line.content === null || call.contents.length === 0 ? [ANY] : [line.content, NO_CONTENT];
}

/** A receiver may number what it gets, too, and its number be an id that a sender chose for another call, unless the sender agrees. */
function isConfirmed(wanted: WantedCall, call: ComparableCall): boolean {
  return isUuid(call.id) || wanted.line.hasWebhookId || comparedFields(wanted, call)?.some(isOfSender) === true;
}

const PER_TURN = 256;

/** The event loop turns now and then: Ctrl-C is answered, and locks are renewed. */
async function inTurns<Item>(items: readonly Item[], clock: Clock, work: (item: Item) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % PER_TURN === 0) await clock.nextTurn();
    work(item);
  }
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
    const times = [ANY, ...call.minutes, ...(isUndated ? [NO_TIME] : [])];
    const contents = call.contents.length === 0 ? [NO_CONTENT] : call.contents;
    for (const kind of SENDER_KINDS) {
      const ofSender = [call.messageIds, [kind], call.senders[kind]];
      for (const key of this.#keys(...ofSender, [...times, ...contents])) append(this.#bySender, key, call);
      for (const key of this.#keys(...ofSender, times, call.otherContents)) append(this.#byOtherContent, key, call);
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
    return [...(match ? [] : this.#ofId(wanted)), ...this.#ofSender(this.#bySender, wanted, [[ANY]], match)];
  }

  /** Finds those of them, at the time of the match, whose content a program may have written as the line's. */
  withOtherContent(wanted: WantedCall, match: ComparableCall): readonly Filled<ComparableCall>[] {
    return this.#ofSender(this.#byOtherContent, wanted, [timesOf(wanted, match), [wanted.line.looseContent]], match);
  }

  /**
   * Returns what tells whether a reply of the sender to the message arrived, which no line has and a line may be of: the list's clock may be
   * another one, so the content or the time is enough.
   */
  unlistedFinder(listed: ReadonlySet<ComparableCall>): (wanted: WantedCall, match: ComparableCall) => boolean {
    const known = new Map<readonly ComparableCall[], boolean>();
    const hasUnlisted = (calls: readonly ComparableCall[]): boolean => {
      const has = known.get(calls) ?? calls.some((call) => call.status === "SUCCESS" && !listed.has(call));
      known.set(calls, has);
      return has;
    };
    return (wanted, match) =>
      this.#ofSender(this.#bySender, wanted, [[...timesOf(wanted, match), ...contentsOf(wanted, match)]]).some(hasUnlisted);
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
