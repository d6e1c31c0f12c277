/** The calls of a callback by what a line may name them by. */
import { idKey } from "../../domain/call.js";
import type { Clock } from "../../platform/clock.js";
import {
  type ComparableCall,
  comparedFields,
  differences,
  type Field,
  SENDER_KINDS,
  shapeOfCall,
  VALUES,
  type Values,
  type WantedCall,
} from "./comparable-call.js";
import type { SeenLine } from "./seen-list.js";

type Filled<Item> = readonly [Item, ...Item[]];
type Lists<Item> = Map<string, [Item, ...Item[]]>;
type MatchesOf = (wanted: WantedCall) => readonly Filled<ComparableCall>[];

const [ANY, NO_TIME, NO_CONTENT] = ["any", "no time", "no content"];

/** Returns the times of replies that a line may be of if it matches the call. One without a time may be of any minute. */
function timesOf({ line }: WantedCall, call: ComparableCall): Values {
  return line.minute === null || call.minutes.length === 0 ? [ANY] : [line.minute, NO_TIME];
}

function contentsOf({ line }: WantedCall, call: ComparableCall): Values {
  return line.content === null || call.contents.length === 0 ? [ANY] : [line.content, NO_CONTENT];
}

export class CallIndex {
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

const PER_TURN = 256;

/** The event loop turns now and then: Ctrl-C is answered, and locks are renewed. */
export async function inTurns<Item>(items: readonly Item[], clock: Clock, work: (item: Item) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % PER_TURN === 0) await clock.nextTurn();
    work(item);
  }
}

function listOf<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value];
}

export function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Lists<Value> {
  const groups: Lists<Value> = new Map();
  for (const value of values) append(groups, keyOf(value), value);
  return groups;
}

function append<Value>(map: Lists<Value>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
