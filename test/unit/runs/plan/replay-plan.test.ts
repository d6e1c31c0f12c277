import { describe, expect, it } from "vitest";
import type { ListedCall } from "../../../../src/client/client.js";
import { timeOrderedId } from "../../../../src/platform/random.js";
import { createReplayPlan, GroupDraft, SendOrder } from "../../../../src/runs/plan/replay-plan.js";
import { SnapshotFile } from "../../../../src/runs/plan/snapshot-file.js";
import type { RunDeps } from "../../../../src/runs/run-deps.js";
import { aListedCall, aListedCallback } from "../../../support/cli/listed.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";
import { seededRandom } from "../../../support/time/seeded-random.js";

const NOW = Date.UTC(2026, 10, 24, 9, 30);
const random = seededRandom(3);

/** The call was attempted last at that instant, and its response says another date. */
function aCall(id: string, attemptedAt: number | null, date = "24/11/26 09:00"): ListedCall {
  const { response, ...call } = aListedCall({ id, attemptedAt });
  return { ...call, response: { ...response, responseMessage: { ...response.responseMessage, date } } };
}

/** Returns the places of these calls in a list, in sending order. */
function placesOf(calls: readonly ListedCall[], isOldestFirst?: boolean): number[] {
  const order = new SendOrder(isOldestFirst === undefined ? {} : { isOldestFirst });
  for (const call of calls) order.add(call, NOW);
  return [...order.indexes()];
}

const made = (at: number): string => timeOrderedId(at, random);
const opaque = (digit: string): string => digit.repeat(32);

describe("the sending order", () => {
  it("of ids that contain their time is by that time, whatever was attempted last", () => {
    const calls = [aCall(made(NOW - 1_000), NOW - 9_000), aCall(made(NOW - 3_000), NOW), aCall(made(NOW - 2_000), 0)];
    expect(placesOf(calls)).toEqual([1, 2, 0]);
  });

  it("is by the time at which the calls were submitted, where the service says it, whatever their ids are", () => {
    const submitted = (id: string, submittedAt: number, attemptedAt: number) => ({ ...aCall(id, attemptedAt), submittedAt });
    const calls = [submitted("order-3", NOW - 1_000, NOW - 900), submitted("order-1", NOW - 3_000, NOW)];
    expect(placesOf([...calls, aCall(made(NOW - 2_000), NOW - 1_000)])).toEqual([1, 2, 0]);
    // The sender made this id long before.
    expect(placesOf([...calls, submitted(made(NOW - 9_000), NOW - 2_000, NOW)])).toEqual([1, 2, 0]);
  });

  it("of other ids is by the responses' dates, then by the last attempts", () => {
    const calls = [
      aCall(opaque("A"), NOW - 1_000, "24/11/26 09:10"),
      aCall(opaque("B"), NOW - 2_000, "24/11/26 09:10"),
      aCall(opaque("C"), NOW, "24/11/26 08:59"),
    ];
    expect(placesOf(calls)).toEqual([2, 1, 0]);
  });

  it("takes the last attempt for a response that has no date", () => {
    const [early, late] = [Date.UTC(2026, 10, 24, 8), Date.UTC(2026, 10, 24, 9, 5)];
    const calls = [aCall(opaque("A"), late, ""), aCall(opaque("B"), NOW), aCall(opaque("C"), early, "")];
    expect(placesOf(calls)).toEqual([2, 1, 0]);
  });

  it("of calls that are alike is the reverse of the list's", () => {
    expect(placesOf(["A", "B", "C"].map((digit) => aCall(opaque(digit), NOW)))).toEqual([2, 1, 0]);
  });

  it("of calls that are alike is the list's if that has the oldest first", () => {
    const calls = ["A", "B", "C"].map((digit) => aCall(opaque(digit), NOW));
    expect([placesOf(calls, true), placesOf(calls, false)]).toEqual([
      [0, 1, 2],
      [2, 1, 0],
    ]);
  });

  it("takes the time in an id of 2020, and of a day ahead, whose service's clock may be wrong", () => {
    for (const at of [Date.UTC(2020, 0), NOW + 86_400_000]) {
      const dates = at < NOW ? ["24/11/26 09:00", "24/11/26 08:00"] : ["24/11/26 08:00", "24/11/26 09:00"];
      const calls = [aCall(made(at), NOW, dates[0]), aCall(made(NOW - 1_000), NOW, dates[1])];
      expect([at, placesOf(calls)]).toEqual([at, at < NOW ? [0, 1] : [1, 0]]);
    }
  });

  it.each([
    (id: string) => `${id}0`,
    (id: string) => `0${id}`,
    (id: string) => `${id.slice(0, 12)}4${id.slice(13)}`,
    (id: string) => `${id.slice(0, 16)}C${id.slice(17)}`,
    (id: string) => id.replace(/.$/, "G"),
  ])("ignores what looks like a time in an id of another format (%#)", (change) => {
    const calls = [aCall(change(made(NOW - 1_000)), NOW, "24/11/26 08:00"), aCall(made(NOW - 2_000), NOW, "24/11/26 09:00")];
    expect(placesOf(calls)).toEqual([0, 1]);
  });

  it("knows when each call was attempted last, if it was", () => {
    const order = new SendOrder();
    for (const attemptedAt of [NOW, null]) order.add(aCall(opaque("A"), attemptedAt), NOW);
    expect([order.attemptedAt(0), order.attemptedAt(1), order.attemptedAt(2)]).toEqual([NOW, null, null]);
  });

  it("ignores the times in ids if one of them has none", () => {
    const calls = [aCall(made(NOW - 9_000), NOW, "24/11/26 09:20"), aCall(opaque("A"), NOW, "24/11/26 09:10")];
    expect(placesOf(calls)).toEqual([1, 0]);
  });

  it("ignores the time in an id that has this format by chance: before 2020, or in the future", () => {
    const [before, ahead] = [Date.UTC(2019, 11, 31, 23, 59, 59, 999), NOW + 86_400_001];
    for (const at of [before, ahead]) {
      const dates = at === before ? ["24/11/26 08:00", "24/11/26 09:00"] : ["24/11/26 09:00", "24/11/26 08:00"];
      const calls = [aCall(made(NOW - 1_000), NOW, dates[0]), aCall(made(at), NOW, dates[1])];
      expect([at, placesOf(calls)]).toEqual([at, at === before ? [0, 1] : [1, 0]]);
    }
  });
});

const CALLBACK = aListedCallback({ id: "CB", retriesEnabled: true });

async function openDraft({ callback = CALLBACK, features = [] as readonly string[], answer = "" } = {}) {
  const file = await SnapshotFile.open(newTemporaryFolder("whcb-plan-"), "RUN-1");
  const deps = {
    client: { capabilities: { has: (feature: string) => features.includes(feature) } },
    clock: { now: () => NOW },
  } as unknown as RunDeps;
  return { file, draft: new GroupDraft(callback, file, deps, { answer }) };
}

async function idsIn(calls: AsyncIterable<{ readonly id: string } | string>): Promise<string[]> {
  const ids: string[] = [];
  for await (const call of calls) ids.push(typeof call === "string" ? call : call.id);
  return ids;
}

describe("a call", () => {
  const retriedOf = async (call: Partial<ListedCall>, over: Parameters<typeof openDraft>[0] = {}): Promise<boolean> => {
    const { draft, file } = await openDraft(over);
    await file.close();
    return draft.isRetrying({ ...aCall("A", NOW), ...call });
  };

  it("is still retried if the service says when, or probably until ten minutes after its last attempt", async () => {
    const [lately, before] = [NOW - 600_000, NOW - 600_001];
    const ours = { features: ["retry-reports"] };
    expect(await retriedOf({ nextAttemptAt: NOW, attemptedAt: before }, ours)).toBe(true);
    expect(await retriedOf({ nextAttemptAt: null, attemptedAt: lately }, ours)).toBe(false);
    expect(await retriedOf({ attemptedAt: lately })).toBe(true);
    expect(await retriedOf({ attemptedAt: before })).toBe(false);
    expect(await retriedOf({ attemptedAt: null })).toBe(false);
    for (const retriesEnabled of [false, null])
      expect(await retriedOf({ attemptedAt: lately }, { callback: { ...CALLBACK, retriesEnabled } })).toBe(false);
  });
});

describe("the plan", () => {
  const timedOut = { statusCode: null, statusMessage: "response-timeout: no complete answer" };
  const cutOff = { statusCode: null, statusMessage: "reset: the endpoint closed the connection before its answer was complete" };
  const refused = { statusCode: null, statusMessage: "refused: the endpoint refused the connection" };
  const calls: readonly ListedCall[] = [
    { ...aCall("newest", NOW - 1_000, "24/11/26 09:20"), nextAttemptAt: NOW },
    { ...aCall("oldest", NOW - 700_000, "24/11/26 09:00"), statusCode: 500 },
    { ...aCall("unsent", null, "24/11/26 09:10"), statusCode: null, statusMessage: "not sent", attemptCount: 0 },
    { ...aCall("timed out", NOW - 650_000, "24/11/26 09:05"), ...timedOut },
    { ...aCall("cut off", NOW - 640_000, "24/11/26 09:06"), ...cutOff },
    { ...aCall("refused", NOW - 630_000, "24/11/26 09:07"), ...refused },
  ];

  it("has the calls of each callback that has some, the oldest first, with what is known of them", async () => {
    const { draft, file } = await openDraft();
    const empty = new GroupDraft(aListedCallback({ id: "EMPTY" }), file, {
      client: { capabilities: { has: () => false } },
      clock: { now: () => NOW },
    } as unknown as RunDeps);
    await draft.add(calls.slice(0, 3));
    await draft.add([]);
    await draft.add(calls.slice(3));
    const plan = createReplayPlan({ runId: "RUN-1", drafts: [empty, draft], file, leftOut: { notFailed: 2, missing: ["nope"] } });
    const [group] = plan.groups;
    if (group === undefined) throw new Error("the plan has one group");
    const { read, callIds, discard, groups, ...rest } = plan;
    expect(rest).toEqual({
      ...{ runId: "RUN-1", calls: 6, leftOut: 0, withoutId: 0, withoutResponse: 0, unlisted: 0, notFailed: 2, waiting: 0 },
      ...{ missing: ["nope"], skippedRetrying: 0, unmarked: [], unlistedYet: null },
    });
    expect(groups).toEqual([
      {
        ...{ callback: CALLBACK, calls: 6, retrying: 1, firstAttemptedAt: NOW - 700_000, lastAttemptedAt: NOW - 1_000 },
        statusCodes: [
          { statusCode: null, calls: 4 },
          { statusCode: 500, calls: 1 },
          { statusCode: 503, calls: 1 },
        ],
        unsent: 1,
        openEnds: 2,
      },
    ]);
    const inOrder = ["oldest", "timed out", "cut off", "refused", "unsent", "newest"];
    expect([await idsIn(read(group)), await idsIn(callIds(group))]).toEqual([inOrder, inOrder]);
    expect(await idsIn(read({ ...group }))).toEqual([]);
    await discard();
    await expect(idsIn(read(group))).rejects.toThrow();
  });

  it("counts the answers of the calls that are sent, if they were listed, and tells no more apart than it has room for", async () => {
    const { draft, file } = await openDraft();
    const answered = (id: string, answer: string | null) => ({ ...aCall(id, NOW), answer });
    await draft.add([answered("1", "not imported"), answered("2", "imported"), answered("3", "imported"), answered("4", null)]);
    expect(draft.select()[0].answers).toEqual([
      { answer: "imported", calls: 2 },
      { answer: "not imported", calls: 1 },
    ]);
    draft.keepOnly(new Set(["1", "4"]));
    expect(draft.select()[0].answers).toEqual([{ answer: "not imported", calls: 1 }]);
    draft.keepOnly(new Set(["4"]));
    expect(draft.select()[0]).not.toHaveProperty("answers");
    await file.close();
    const many = await openDraft();
    await many.draft.add(Array.from({ length: 500 }, (_, index) => answered(`call ${index}`, `${index} ${"x".repeat(2_000)}`)));
    const [{ answers = [] }] = many.draft.select();
    expect([answers.length, answers[0]]).toEqual([201, { answer: "(another answer)", calls: 300 }]);
    expect(Math.max(...answers.map(({ answer }) => answer.length))).toBe(257);
    await many.file.close();
  });

  it("names a long answer by what is around the text that was looked for, and marks where it is cut", async () => {
    const { draft, file } = await openDraft({ answer: "ALREADY imported" });
    const trace = "t".repeat(700);
    const answered = (id: string, result: string) => ({
      ...aCall(id, NOW),
      answer: JSON.stringify({ trace: `${id} ${trace}`, result, schema: trace }),
    });
    const [does, not] = ["already imported", "not already imported"];
    await draft.add([
      answered("1", does),
      answered("2", not),
      answered("3", not),
      { ...aCall("4", NOW), answer: `${does} ${trace}` },
    ]);
    const [{ answers = [] }] = draft.select();
    expect(answers.map(({ answer, calls }) => [calls, answer.replace(/t{50,}/g, "t…t")])).toEqual([
      [2, '…t…t","result":"not already imported","schema":"t…t…'],
      [1, "already imported t…t…"],
      [1, '…t…t","result":"already imported","schema":"t…t…'],
    ]);
    expect(answers.map(({ answer }) => answer.length)).toEqual([258, 257, 258]);
    await file.close();
  });

  it("has only the oldest calls, or those that are kept, if that is asked for", async () => {
    const { draft, file } = await openDraft();
    await draft.add(calls);
    const planOf = async (limit?: number) => {
      const plan = createReplayPlan({ runId: "RUN-1", drafts: [draft], file, limit });
      return { calls: plan.calls, ids: await Promise.all(plan.groups.map((group) => idsIn(plan.callIds(group)))) };
    };
    expect(await planOf(2)).toEqual({ calls: 2, ids: [["oldest", "timed out"]] });
    expect(draft.select(2)[0]).toMatchObject({ firstAttemptedAt: NOW - 700_000, lastAttemptedAt: NOW - 650_000, retrying: 0 });
    draft.keepOnly(new Set(["newest", "unsent", "another"]));
    expect(await planOf()).toEqual({ calls: 2, ids: [["unsent", "newest"]] });
    expect(await planOf(1)).toEqual({ calls: 1, ids: [["unsent"]] });
    draft.keepOnly(new Set());
    expect(await planOf()).toEqual({ calls: 0, ids: [] });
    await file.close();
  });

  it("reads any number of calls in order", async () => {
    const { draft, file } = await openDraft();
    const many = Array.from({ length: 300 }, (_, index) => aCall(`call ${index}`, NOW + index));
    await draft.add(many);
    const plan = createReplayPlan({ runId: "RUN-1", drafts: [draft], file });
    for (const group of plan.groups) expect(await idsIn(plan.read(group))).toEqual(many.map(({ id }) => id));
    await plan.discard();
  });
});
