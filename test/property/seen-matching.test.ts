/** The matcher of reconcile finds what the rules of docs/cli.md say, pair by pair, and takes time that grows with lines and calls. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { type ComparableCall, type Senders, UNPARSED } from "../../src/runs/plan/comparable-call.js";
import { matchSeen } from "../../src/runs/plan/match-seen.js";
import type { SeenLine } from "../../src/runs/plan/seen-list.js";

const UNPARSABLE = ["12345", "54321", "123"];
const deps = {
  parsePhone: (text: string) => (text === "unreadable" || UNPARSABLE.includes(text) ? [] : [text]),
  clock: systemClock,
};

const KINDS = ["mobile", "voice", "email", "mri"] as const;

/** Compares every line with every call, as the rules are written. */
function matchNaively(lines: readonly SeenLine[], calls: readonly ComparableCall[]) {
  const seen = new Set<ComparableCall>();
  const possible = new Set<ComparableCall>();
  let unmatched = 0;
  let vague = 0;
  const isFailed = ({ status }: ComparableCall) => status === "FAILED";
  const listed = new Set<ComparableCall>();
  const unnamed: { readonly only: ComparableCall; readonly isClear: boolean }[] = [];
  const isOnlyMessage = (id: string) =>
    calls.every((call) => call.id !== id) && calls.some((call) => call.messageIds.includes(id));
  const hasMessageIds = lines.some(({ id }) => id !== null && isOnlyMessage(id));
  const listIds = lines.flatMap(({ callId, id }) => callId ?? id ?? []);
  const longest = Math.max(...listIds.map(({ length }) => length));
  const isOneCase = [/[A-Z]/, /[a-z]/].some((letter) => listIds.every((id) => !letter.test(id)));
  /** The call's id may have been cut, or changed to the case of the list. */
  const isKeptAs = (call: ComparableCall, id: string | null) => {
    if (id === null || listIds.includes(call.id)) return false;
    const [whole, kept] = isOneCase ? [call.id.toLowerCase(), id.toLowerCase()] : [call.id, id];
    return whole === kept || (id.length === longest && whole.startsWith(kept));
  };
  for (const line of lines) {
    const { id } = line;
    const isCall = calls.some((call) => call.id === id || isSameNumber(call.id, id) || isKeptAs(call, id));
    const callId = line.callId ?? (isCall ? id : null);
    const messageId = line.messageId ?? (isCall ? null : id);
    const numberOf = (text: string | null) =>
      text === null ? null : (deps.parsePhone(text)[0] ?? (text === "unreadable" ? null : UNPARSED + text));
    const given = { mobile: numberOf(line.mobile), voice: numberOf(line.voice), email: line.email, mri: line.mri };
    const isAddress = line.from?.includes("@") === true;
    const fromNumber = isAddress ? null : numberOf(line.from);
    const isUnparsed = fromNumber?.startsWith(UNPARSED) === true;
    const any = isUnparsed ? [fromNumber] : isAddress || fromNumber !== null ? [fromNumber, line.from] : [];
    const sharesAny = (call: ComparableCall) => KINDS.some((kind) => call.senders[kind].some((value) => any.includes(value)));
    const sharesGiven = (call: ComparableCall) =>
      KINDS.some((kind) => given[kind] !== null && call.senders[kind].includes(given[kind]));
    const shares = (call: ComparableCall) => sharesGiven(call) || sharesAny(call);
    /** Numbers that can't be parsed are compared with equally long ones, and all else with what isn't such a number. */
    const areOfOneForm = (one: string | null | undefined, other: string | undefined) =>
      one != null && other !== undefined && formOf(one) === formOf(other);
    const formOf = (value: string) => (value.startsWith(UNPARSED) ? value.length : 0);
    const comparedKinds = (call: ComparableCall) => KINDS.filter((kind) => areOfOneForm(given[kind], call.senders[kind][0]));
    const comparesAny = (call: ComparableCall) =>
      any.length > 0 && KINDS.some((kind) => areOfOneForm(fromNumber ?? line.from, call.senders[kind][0]));
    const compares = (call: ComparableCall) => comparesAny(call) || comparedKinds(call).length > 0;
    const hasParsed = (values: readonly (string | null | undefined)[]) =>
      values.some((value) => value != null && formOf(value) === 0);
    const areOfOtherKinds = (call: ComparableCall) =>
      hasParsed(Object.values(given)) && hasParsed(KINDS.map((kind) => call.senders[kind][0]));
    const givesNone = any.length === 0 && KINDS.every((kind) => given[kind] === null);
    const isCommon = <Value>(value: Value | null, values: readonly Value[]) =>
      value === null || values.length === 0 || values.includes(value);
    const isCallOfLine = calls.some((call) => call.id === callId);
    const isNamedBy = (call: ComparableCall) =>
      call.id === callId ||
      (isSameNumber(call.id, callId) && (isShort(callId) || !listIds.includes(call.id))) ||
      isKeptAs(call, callId);
    const agrees = (call: ComparableCall) =>
      (callId === null || (isCallOfLine && isNamedBy(call))) &&
      (messageId === null || call.messageIds.includes(messageId)) &&
      isCommon(line.kind, call.kinds) &&
      isCommon(line.minute, call.minutes) &&
      isCommon(line.content, call.contents) &&
      comparedKinds(call).every((kind) => call.senders[kind].some((value) => value === given[kind])) &&
      (comparesAny(call) ? sharesAny(call) : compares(call) || !areOfOtherKinds(call));
    const matches = calls.filter((call) => agrees(call) || (id !== null && isCall && call.messageIds.includes(id)));
    const [only] = matches;
    /** Senders without an address count as one. */
    const areNobody = (call: ComparableCall) =>
      callId === null && givesNone && KINDS.every((kind) => call.senders[kind].length === 0);
    const isNear = (call: ComparableCall) =>
      messageId !== null && call.messageIds.includes(messageId) && (shares(call) || areNobody(call));
    const isGiven = [...KINDS, "from" as const].some((kind) => line[kind] !== null);
    const lacksField = (call: ComparableCall) =>
      (!compares(call) && !givesNone) || (line.minute !== null && call.minutes.length === 0);
    const mayBeMeant = only === undefined || (matches.length === 1 && lacksField(only));
    const isNamed = (call: ComparableCall) =>
      !calls.some(agrees) && (isCallOfLine ? isNamedBy(call) : isSameNumber(call.id, callId) || isKeptAs(call, callId));
    const others = calls.filter((call) => isNamed(call) || (isNear(call) && call !== only && mayBeMeant));
    const isOther = ({ otherSenders }: ComparableCall): boolean => otherSenders.includes(line.otherSender ?? "");
    const identifies = (call: ComparableCall): boolean => {
      const hasContent = line.content !== null && call.contents.length > 0;
      const hasTime = line.minute !== null && call.minutes.length > 0;
      const isSameName = !isGiven && call.namesAlone?.includes(line.name ?? "") === true;
      return hasContent && hasTime && (shares(call) || (isSameName && isOther(call)));
    };
    if (only !== undefined && matches.length === 1 && !(hasMessageIds && id !== null && isCall)) {
      const isVague = callId === null && !identifies(only);
      if (!isVague) listed.add(only);
      if (isVague && isFailed(only)) vague += 1;
      const isClear = !isVague && others.length === 0;
      if (callId === null && !isVague && isFailed(only)) unnamed.push({ only, isClear });
      if (isClear) {
        if (callId !== null) seen.add(only);
        continue;
      }
    }
    const near = [...matches, ...others];
    if (near.length === 0) unmatched += 1;
    for (const call of near) possible.add(call);
  }
  for (const { only, isClear } of unnamed) {
    const unlisted = calls.filter((call) => call !== only && !listed.has(call) && areAlike(call, only));
    if (unlisted.length > 0) for (const call of [only, ...unlisted]) possible.add(call);
    else if (isClear) seen.add(only);
  }
  return {
    seen: calls.filter((call) => isFailed(call) && seen.has(call)),
    ambiguous: calls.filter((call) => isFailed(call) && possible.has(call) && !seen.has(call)),
    unmatched,
    vague,
  };
}

const isNumber = (id: string | null): id is string => id !== null && /^\d+(?:\.\d+)?$/.test(id);
const isSameNumber = (one: string, other: string | null) => isNumber(one) && isNumber(other) && Number(one) === Number(other);
/** A spreadsheet writes a number so. */
const isShort = (id: string | null) => isNumber(id) && String(Number(id)) === id;

/** They are of one message, and of sender, content and minute they have two in common; if the one didn't arrive, sender and content. */
function areAlike(one: ComparableCall, other: ComparableCall): boolean {
  const share = (valuesOf: (call: ComparableCall) => readonly unknown[]) =>
    valuesOf(one).some((value) => valuesOf(other).includes(value));
  const addressesOf = ({ senders }: ComparableCall) => KINDS.flatMap((kind) => senders[kind]);
  const areNobody = [one, other].every((call) => addressesOf(call).length === 0);
  const sameName = () => share(({ namesAlone }) => namesAlone ?? []) && share(({ otherSenders }) => otherSenders);
  const isSameSender = areNobody ? sameName() : share(addressesOf);
  if (!share(({ messageIds }) => messageIds)) return false;
  const [isSameContent, isSameMinute] = [share(({ contents }) => contents), share(({ minutes }) => minutes)];
  const inCommon = [isSameSender, isSameContent, isSameMinute].filter((isSame) => isSame).length;
  return one.status === "SUCCESS" ? inCommon >= 2 : isSameSender && isSameContent;
}

/** There are few values, so that much is equal. */
const orNone = <Value>(...values: readonly Value[]) => fc.constantFrom<Value | null>(null, ...values);
const ADDRESSES = { email: ["a@b", "c@d", "1"], mri: ["a@b", "m", "2"] };
const several = <Value>(...values: readonly Value[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<readonly Value[]>([], ...values.map((value) => [value])) },
    { weight: 1, arbitrary: fc.constant(values) },
  );
const numbers = fc.oneof(
  { weight: 3, arbitrary: several("1", "2") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(["12345"], ["54321"], ["123"], ["12345", "54321"]).map((all) => all.map((one) => UNPARSED + one)),
  },
);
const SENDERS = {
  mobile: numbers,
  voice: numbers,
  email: several(...ADDRESSES.email),
  mri: several(...ADDRESSES.mri),
};

const addressOf = (senders: Senders) => KINDS.flatMap((kind) => senders[kind])[0] ?? null;

const callArb = fc.record({
  status: fc.constantFrom("FAILED" as const, "SUCCESS" as const, "PENDING" as const),
  messageIds: fc.constantFrom(["m1"], ["m2"], ["m2"], ["m1", "m2"], ["007"]),
  kinds: several("reply" as const, "undeliverable" as const),
  minutes: several(1, 2, 16, 1_456, 3_001),
  contents: fc.constantFrom(["yes"], ["no"], ["<b>yes", "yes"], []),
  senders: fc.record(SENDERS),
  name: fc.constantFrom("", "Ada"),
  otherSenders: several("whatsapp:1").map((others) => (others.length === 0 ? [""] : others)),
});

const callsArb = fc.array(callArb, { maxLength: 12 }).map((calls): ComparableCall[] =>
  calls.map(({ name, ...call }, index) => {
    const address = addressOf(call.senders);
    return {
      id: ["7.0", "07", "7", "07.50", "c4", "c5", "c6", "C4", "c55", "7.55"][index] ?? `c${index}`,
      ...call,
      own: [],
      isUnsent: false,
      wasDelivered: false,
      doubtful: new Set(),
      from: address ?? name,
      namesAlone: address === null ? [name] : null,
    };
  }),
);

const lineArb = fc.record({
  line: fc.constant(1),
  named: fc.constantFrom(
    { callId: null, messageId: "m1", id: null },
    { callId: null, messageId: "m2", id: null },
    { callId: "c4", messageId: null, id: null },
    { callId: "c5", messageId: "m1", id: null },
    { callId: "C5", messageId: null, id: null },
    { callId: "7", messageId: null, id: null },
    { callId: "07", messageId: "m1", id: null },
    { callId: "7.5", messageId: null, id: null },
    { callId: null, messageId: null, id: "c6" },
    { callId: null, messageId: null, id: "007" },
    { callId: null, messageId: null, id: "m1" },
    { callId: null, messageId: null, id: "3" },
  ),
  kind: orNone("reply" as const, "undeliverable" as const),
  minute: orNone(1, 2, 16),
  content: orNone("yes", "no", "<b>yes"),
  mobile: orNone("1", "2", "unreadable", ...UNPARSABLE),
  voice: orNone("1", "2", "unreadable", ...UNPARSABLE),
  name: orNone("Ada", "Bob"),
  email: orNone(...ADDRESSES.email),
  mri: orNone(...ADDRESSES.mri),
  from: orNone("1", "2", "a@b", "unreadable", ...UNPARSABLE),
  otherSender: orNone("whatsapp:1"),
  values: fc.constant([]),
  arrivals: fc.constant([]),
  refusals: fc.constant([]),
  parts: fc.constant([]),
  hasWebhookId: fc.constant(false),
});

const linesArb = fc
  .array(lineArb, { maxLength: 8 })
  .map((lines): SeenLine[] => lines.map(({ named, ...line }) => ({ ...line, ...named })));

it("finds what comparing each line with each call finds", async () => {
  await fc.assert(
    fc.asyncProperty(linesArb, callsArb, async (lines, calls) => {
      expect(await matchSeen(lines, calls, deps)).toMatchObject(matchNaively(lines, calls));
    }),
    { numRuns: 600 },
  );
});

interface Shape {
  readonly line: (index: number) => Partial<SeenLine>;
  readonly call: (index: number) => Partial<ComparableCall>;
}

const NOTHING = {
  callId: null,
  id: null,
  kind: null,
  minute: null,
  content: null,
  mobile: null,
  email: null,
  mri: null,
  voice: null,
  name: null,
  from: null,
  otherSender: null,
  values: [],
  arrivals: [],
  refusals: [],
  parts: [],
  hasWebhookId: false,
};
const A_LINE: SeenLine = { line: 1, messageId: "m", ...NOTHING };
const NOBODY = { mobile: [], voice: [], email: [], mri: [] };
const sender = (index: number) => ({ ...NOBODY, mobile: [`+${index}`] });

/** Each has one message. */
const SHAPES: readonly (readonly [string, Shape])[] = [
  ["equal replies of different senders", { line: (n) => ({ mobile: `+${n}` }), call: (n) => ({ senders: sender(n) }) }],
  [
    "different replies of one sender",
    { line: (n) => ({ mobile: "+1", content: `a${n}` }), call: (n) => ({ senders: sender(1), contents: [`a${n}`] }) },
  ],
  [
    "replies that differ from all calls",
    { line: (n) => ({ mobile: "+1", content: `b${n}` }), call: (n) => ({ senders: sender(1), contents: [`a${n}`] }) },
  ],
  [
    "different replies of one sender at one time",
    {
      line: (n) => ({ mobile: "+1", content: `a${n}`, minute: 1 }),
      call: (n) => ({ senders: sender(1), contents: [`a${n}`] }),
    },
  ],
  [
    "equal replies of one sender, of which half are listed",
    {
      line: (n) => ({ mobile: "+1", content: "yes", minute: 4 * n }),
      call: (n) => ({ senders: sender(1), minutes: [2 * n] }),
    },
  ],
  ["lines that match every call", { line: (n) => ({ mobile: `+${n}` }), call: (n) => ({ contents: [`a${n}`] }) }],
  [
    "one id, of which all others are longer ones",
    {
      line: (n) => ({ messageId: null, callId: "c", mobile: `+${n}` }),
      call: (n) => ({ id: n === 0 ? "c" : `c${n}`, senders: sender(n) }),
    },
  ],
  ["lines without anything else", { line: (n) => ({ minute: n }), call: () => ({ minutes: [] }) }],
  [
    "senders in a column from",
    { line: (n) => ({ from: `${n}@b` }), call: (n) => ({ senders: { ...NOBODY, email: [`${n}@b`], mri: ["m"] } }) },
  ],
];

/** Returns how often the matcher reads a field of a line or a call, which is its work, whatever the machine does beside. */
async function readsOf({ line, call }: Shape, size: number): Promise<number> {
  let reads = 0;
  const counted = <Item extends object>(item: Item): Item =>
    new Proxy(item, {
      get(target, name, receiver) {
        reads += 1;
        return Reflect.get(target, name, receiver);
      },
    });
  const lines = Array.from({ length: size }, (_, n) => counted({ ...A_LINE, line: n, ...line(n) }));
  const reply = {
    status: "FAILED",
    messageIds: ["m"],
    kinds: ["reply"],
    minutes: [1],
    contents: ["yes"],
    senders: NOBODY,
    doubtful: new Set<string>(),
    from: "",
    namesAlone: [""],
    otherSenders: [""],
    own: [],
    isUnsent: false,
    wasDelivered: false,
  } as const;
  const calls = Array.from({ length: size }, (_, n) => counted({ id: `c${n}`, ...reply, ...call(n) }));
  await matchSeen(lines, calls, deps);
  return reads;
}

describe("ten times the lines and calls of one message take at most thirteen times the work", () => {
  it.each(SHAPES)("%s", async (_, shape) => {
    expect((await readsOf(shape, 5_000)) / (await readsOf(shape, 500))).toBeLessThanOrEqual(13);
  });
});

it("lets the event loop turn while it matches", async () => {
  let turns = 0;
  const clock = { ...systemClock, nextTurn: () => Promise.resolve(void turns++) };
  const lines = Array.from({ length: 5_000 }, (_, n) => ({ ...A_LINE, line: n }));
  await matchSeen(lines, [], { ...deps, clock });
  expect(turns).toBeGreaterThan(10);
});
