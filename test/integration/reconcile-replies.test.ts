/** A reconcile compares two thousand replies to three messages with a list as a receiver's database would give it. */
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { phoneParser, planReconcile, type ReconcileRequest } from "../../src/runs/plan/plan-reconcile.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { balanceOf, runReconcile } from "../../src/runs/run-reconcile.js";
import { type PlatformCall, platformId, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Reply {
  readonly isDelivered: boolean;
  readonly message: number;
  readonly sender: number;
  readonly content: string;
}

const MINUTE = "24/11/26 09:30";
const national = (sender: number): string => `4${String(sender).padStart(8, "0")}`;

function asCall({ isDelivered, message, sender, content }: Reply, index: number): PlatformCall {
  return {
    id: platformId(index),
    status: isDelivered ? "SUCCESS" : "FAILED",
    fields: {
      messageId: platformId(900_000 + message),
      from: { name: "", mri: "", mobile: `61${national(sender)}`, email: "", voice: "" },
      responseMessage: { channel: "SMS", acknowledged: MINUTE, content },
      callback: { attemptedDate: "24/11/26 09:31", statusCode: isDelivered ? "200" : "503" },
    },
  };
}

/** Returns the body that the receiver stored. */
function asBody({ message, sender, content }: Reply, prefix = "61"): string {
  return JSON.stringify({
    messageid: platformId(900_000 + message).toLowerCase(),
    from: { mobile: prefix + national(sender) },
    responseMessage: { channel: "SMS", acknowledged: MINUTE, content },
  });
}

const some = (count: number, reply: (index: number) => Partial<Reply> & { readonly sender: number }): readonly Reply[] =>
  Array.from({ length: count }, (_, index) => ({
    isDelivered: false,
    message: index % 3,
    content: `reply ${index}`,
    ...reply(index),
  }));

// Senders of different groups differ; a pair has the same sender.
const identicalPairs = some(20, (index) => ({ sender: 1_000 + (index >> 1), message: 0, content: "YES" }));
const halfDelivered = some(20, (index) => ({
  sender: 2_000 + (index >> 1),
  message: 1,
  content: "YES",
  isDelivered: index % 2 === 0,
}));
const twoReplies = some(40, (index) => ({
  sender: 3_000 + (index >> 1),
  message: 2,
  content: index % 2 === 0 ? "yes" : "sorry, no",
}));
const delivered = some(500, (index) => ({ sender: 10_000 + index, isDelivered: true }));
const received = some(650, (index) => ({ sender: 20_000 + index }));
const missed = some(770, (index) => ({ sender: 30_000 + index }));
const otherMessages = some(30, (index) => ({ sender: 20_000 + index, message: 7 }));
const first = (_: Reply, index: number): boolean => index % 2 === 0;

const LINES = [
  ...identicalPairs.filter(first).map((reply) => asBody(reply)),
  ...halfDelivered.filter(first).map((reply) => asBody(reply)),
  ...twoReplies.filter(first).map((reply) => asBody(reply)),
  ...delivered.map((reply) => asBody(reply)),
  ...received.map((reply, index) => asBody(reply, index < 100 ? "0" : "+61")),
  // These deliveries were repeated.
  ...received.slice(0, 80).map((reply) => asBody(reply, "0")),
  ...otherMessages.map((reply) => asBody(reply)),
];

async function scene() {
  const replies = [...identicalPairs, ...halfDelivered, ...twoReplies, ...delivered, ...received, ...missed];
  const calls = replies.map(asCall);
  const idsOf = (group: readonly Reply[]) => group.map((reply) => platformId(replies.indexOf(reply)));
  const rejected = new Set(idsOf(missed.filter((_, index) => index % 150 === 149)));
  const endpoint = await countingEndpoint((id) => ({ status: rejected.has(id) ? 500 : 200 }));
  const callback = { id: "00112233445566AA", name: "demo", url: endpoint.url, key: "an-endpoint-s-key", calls };
  const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(endpoint.close, desk.leave);
  const request: ReconcileRequest = {
    callback: await desk.deps.client.getCallback("demo"),
    seen: readSeenList(LINES.join("\n"), "UTC"),
    timezone: "UTC",
    country: "AU",
    sendAmbiguous: false,
  };
  return { calls, idsOf, endpoint, desk, request, rejected, platform };
}

it("marks what was received, replays what wasn't, and leaves what is ambiguous", async () => {
  expect(LINES).toHaveLength(1_300);
  const { calls, idsOf, endpoint, desk, request, rejected, platform } = await scene();
  expect(calls).toHaveLength(2_000);
  const announced: unknown[] = [];
  const before = platform.requests.length;
  const plan = await planReconcile({ ...request, onCompare: (...given) => announced.push(given) }, desk.deps);
  expect(announced).toEqual([[2_000, 101]]);
  expect(platform.requests.length - before).toBe(102);
  expect([request.seen.read, request.seen.lines.length]).toEqual([1_300, 1_220]);
  expect([plan.failed, plan.seen.length, plan.ambiguous.length, plan.replay.calls, plan.unmatched]).toEqual([
    1_490, 670, 30, 790, 30,
  ]);
  const ambiguous = [...idsOf(identicalPairs), ...idsOf(halfDelivered.filter(({ isDelivered }) => !isDelivered))];
  expect(plan.ambiguous.map(({ id }) => id).sort()).toEqual(ambiguous.sort());

  const summary = await runReconcile(plan, DEFAULT_REPLAY_OPTIONS, desk.deps);
  expect(balanceOf(summary)).toEqual({
    failed: 1_490,
    seen: 670,
    accepted: 785,
    twice: 0,
    rejected: 5,
    unknown: 0,
    notSent: 0,
    ambiguous: 30,
    settledMeanwhile: 0,
    missing: 0,
  });
  const toSend = [...idsOf(missed), ...idsOf(twoReplies.filter((_, index) => index % 2 === 1))];
  expect([...endpoint.received].sort()).toEqual(toSend.sort());
  const stillFailed = calls.filter(({ status }) => status === "FAILED").map(({ id }) => id);
  expect(stillFailed.sort()).toEqual([...ambiguous, ...rejected].sort());
});

it("sends the ambiguous ones with --ambiguous send", async () => {
  const { desk, request } = await scene();
  const plan = await planReconcile({ ...request, sendAmbiguous: true }, desk.deps);
  await plan.replay.discard();
  expect([plan.failed, plan.seen.length, plan.ambiguous.length, plan.replay.calls]).toEqual([1_490, 670, 0, 820]);
});

it("without the profile's country doesn't compare local numbers, and counts them", async () => {
  const { desk, request } = await scene();
  const plan = await planReconcile({ ...request, country: null }, desk.deps);
  await plan.replay.discard();
  // Message, minute and content still tell these replies apart.
  expect([plan.unreadableNumbers, plan.failed]).toEqual([100, 1_490]);
  await expect(planReconcile({ ...request, country: "XX" }, desk.deps)).rejects.toMatchObject({ code: "config" });
});

it("takes numbers with different extensions for different ones", async () => {
  const { parse } = await phoneParser("AU");
  const keys = ["61491570156;ext=11", "+61 491 570 156 ext 11", "0491 570 156 x22", "0491 570 156"].flatMap(parse);
  expect([keys[0] === keys[1], new Set(keys).size]).toEqual([true, 3]);
});

it("reads a number with 00 for +, and none that only may be one", async () => {
  const { parse } = await phoneParser("AU");
  expect(parse("0061491570001")).toEqual(["+61491570001"]);
  expect(parse("061491570001")).toEqual([]);
});

it("reads a number that may be a local or an international one as both, with a plus sign as one", async () => {
  const { parse } = await phoneParser("ID");
  expect([parse("61491570001"), parse("+61491570001")]).toEqual([["+6261491570001", "+61491570001"], ["+61491570001"]]);
});
