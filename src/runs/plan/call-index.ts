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
import { isUuid } from "./received-field.js";
import type { SeenLine } from "./seen-list.js";

type Filled<Item> = readonly [Item, ...Item[]];
export type Lists<Item> = Map<string, [Item, ...Item[]]>;
type MatchesOf = (wanted: WantedCall) => readonly Filled<ComparableCall>[];

/** Senders without an address may be one, so they count as one. */
const NO_ADDRESS: Values = ["no address"];

/** Returns each kind of sender with its addresses. */
function sendersOf({ senders }: Pick<ComparableCall, "senders">, anySender: Values = []): readonly (readonly [Values, Values])[] {
  const given = SENDER_KINDS.map((kind) => [[kind], [...senders[kind], ...anySender]] as const);
  return given.some(([, addresses]) => addresses.length > 0) ? given : [[NO_ADDRESS, NO_ADDRESS]];
}

export class CallIndex {
  readonly #byId: Lists<ComparableCall> = new Map();
  /** The keys are what programs may have made of the ids. */
  readonly #bySpelling: Lists<ComparableCall> = new Map();
  readonly #spellings: Spellings;
  readonly #byMessage: Lists<ComparableCall> = new Map();
  readonly #bySender: Lists<ComparableCall> = new Map();
  readonly #byShape: Lists<ComparableCall> = new Map();
  /** Contents may be long, so a key has a number for each. */
  readonly #numbers = new Map<unknown, number>();

  constructor(lines: readonly SeenLine[]) {
    this.#spellings = new Spellings(lines.flatMap(({ callId, id }) => callId ?? id ?? []));
  }

  add(call: ComparableCall): void {
    if (call.id !== "") append(this.#byId, idKey(call.id), call);
    for (const spelling of this.#spellings.ofCall(call.id)) append(this.#bySpelling, spelling, call);
    for (const messageId of call.messageIds) append(this.#byMessage, messageId, call);
    append(this.#byShape, shapeOfCall(call), call);
    for (const ofSender of sendersOf(call))
      for (const key of this.#keys(call.messageIds, ...ofSender)) append(this.#bySender, key, call);
  }

  /** A bare id is a call's if it may be one's, and a message's otherwise. */
  resolveId(line: SeenLine): SeenLine {
    if (line.id === null) return line;
    const isOfCall = this.#byId.has(idKey(line.id)) || this.#spelledAs(line.id).length > 0;
    return isOfCall ? { ...line, callId: line.id } : { ...line, messageId: idKey(line.id) };
  }

  /** Returns what finds, for lines of the example's shape, the calls that agree in every field that both have, each in one list. */
  async matcherFor(example: WantedCall, clock: Clock): Promise<MatchesOf> {
    if (example.line.callId !== null)
      return (wanted) =>
        this.#ofId(wanted).filter(
          (named) => named.length > MAX_SPELLED || named.some((call) => differences(wanted, call).length === 0),
        );
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

  /**
   * Finds the call of its id if none matches, or those whose id may be spelled so. Finds those of its message that share a sender, too. Lists
   * of which `match` is all are left out.
   */
  near(wanted: WantedCall, match?: ComparableCall): readonly Filled<ComparableCall>[] {
    const named = this.#ofId(wanted);
    const spelled = named.length > 0 ? [] : this.#spelledAs(wanted.line.callId ?? "");
    return [...(match ? [] : [...named, ...spelled]), ...this.#ofSender(wanted, match)];
  }

  #ofSender(wanted: WantedCall, match: ComparableCall | undefined): readonly Filled<ComparableCall>[] {
    const { callId, messageId } = wanted.line;
    const senders = sendersOf(wanted, wanted.anySender).filter(([kind]) => kind !== NO_ADDRESS || callId === null);
    const keys = senders.flatMap((sender) => this.#keys([messageId], ...sender));
    return keys.flatMap((key) => listOf(this.#bySender.get(key))).filter((calls) => calls.some((call) => call !== match));
  }

  /** Whether a line's bare id is a message's, and no call's. */
  isOnlyMessage({ id }: SeenLine): boolean {
    return id !== null && this.#byMessage.has(idKey(id)) && !this.#byId.has(idKey(id));
  }

  /** Finds the calls of the message that has the bare id of a line too, if a call has it: replies to it that arrived may be listed no more. */
  ofMessageOfThatId({ line: { id, callId } }: WantedCall): readonly Filled<ComparableCall>[] {
    return id === null || callId === null ? [] : listOf(this.#byMessage.get(idKey(id)));
  }

  /**
   * If several calls have equal ids, the line means the one that it spells; if there is none, it may mean any. It may also mean one whose id
   * a program may have spelled so.
   */
  #ofId({ line: { callId } }: WantedCall): readonly Filled<ComparableCall>[] {
    const equal = this.#byId.get(idKey(callId ?? ""));
    const exact = equal?.find(({ id }) => id === callId);
    if (exact === undefined) return listOf(equal);
    const others = this.#spelledAs(exact.id, true);
    return [[exact], ...others.flatMap((calls) => (calls.length > MAX_SPELLED ? [calls] : calls.map((call) => [call] as const)))];
  }

  #spelledAs(id: string, isKnown = false): readonly Filled<ComparableCall>[] {
    return [...new Set(this.#spellings.ofLine(id, isKnown))].flatMap((spelling) => listOf(this.#bySpelling.get(spelling)));
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

/**
 * Returns about how many keys a call has while lines of one shape are matched. Lines that have `from` beside three or four kinds of senders
 * may take more.
 */
export function keyCount({ messageIds, kinds, minutes, contents, senders }: ComparableCall): number {
  const productOf = (lengths: readonly number[]): number => lengths.reduce((product, length) => product * Math.max(1, length), 1);
  const ofKinds = SENDER_KINDS.map((kind) => senders[kind].length);
  const anySender = ofKinds.reduce((sum, length) => sum + length) || 1;
  const byFields = productOf([kinds, minutes, contents].map(({ length }) => length)) * Math.max(anySender, productOf(ofKinds));
  return messageIds.length * (anySender + byFields);
}

const PER_TURN = 256;

/** The event loop turns now and then: Ctrl-C is answered, and locks are renewed. */
export async function inTurns<Item>(items: readonly Item[], clock: Clock, work: (item: Item) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % PER_TURN === 0) await clock.nextTurn();
    work(item);
  }
}

/** If there are more such calls, each may be meant, whatever the line says beside the id. */
const MAX_SPELLED = 16;

const NUMBER = /^(\d+)(?:\.(\d+))?$/;

/** No id has a space. */
const UNLISTED = "unlisted ";

/**
 * A spreadsheet writes 7 for 07, and 1000.1 for 1000.10; a database may write 1000.10 for 1000.1. A system may keep ids in one case, or cut them:
 * none of the list shows otherwise then.
 */
class Spellings {
  readonly #listed: ReadonlySet<string>;
  readonly #isOneCase: boolean;
  readonly #longest: number;

  /** The ids are those of the list. */
  constructor(ids: readonly string[]) {
    this.#listed = new Set(ids);
    this.#isOneCase = [/\p{Lu}/u, /\p{Ll}/u].some((letter) => !ids.some((id) => letter.test(id)));
    this.#longest = ids.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** Generated ids are compared without case, and are known to be whole. */
  ofCall(id: string): readonly string[] {
    if (id === "" || isUuid(id)) return [];
    const short = NUMBER.test(id) ? [shortNumber(id)] : [];
    return this.#listed.has(id) ? short : [...short, this.#kept(id), UNLISTED + shortNumber(id)];
  }

  /** `isKnown` tells whether a call has the id. */
  ofLine(id: string, isKnown: boolean): readonly string[] {
    return id === "" || isUuid(id) ? [] : [this.#kept(id), UNLISTED + shortNumber(id), ...(isKnown ? [] : [shortNumber(id)])];
  }

  #kept(id: string): string {
    const cut = id.slice(0, this.#longest);
    return this.#isOneCase ? cut.toLowerCase() : cut;
  }
}

/** Returns other text as it is. */
function shortNumber(text: string): string {
  const [, whole, fraction = ""] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return text;
  const decimals = fraction.replace(/(?<!0)0+$/, "");
  return whole.replace(/^0+(?=\d)/, "") + (decimals === "" ? "" : `.${decimals}`);
}

export function listOf<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value];
}

export function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Lists<Value> {
  const groups: Lists<Value> = new Map();
  for (const value of values) append(groups, keyOf(value), value);
  return groups;
}

export function append<Value>(map: Lists<Value>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
