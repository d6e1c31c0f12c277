import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeliveryResult } from "../../src/domain/attempt.js";
import type { Call } from "../../src/domain/call.js";
import { matchesFilter } from "../../src/domain/call-filter.js";
import type { Callback } from "../../src/domain/callback.js";
import { NEW_ENDPOINT } from "../../src/domain/endpoint.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503 } from "../support/builders.js";
import { recountFates, sumsOf } from "../support/store/outage-recount.js";
import { fetchDue, fetchHeld, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  aGroup,
  aReplay,
  countRows,
  DAY,
  everyCall,
  MINUTE,
  markMatching,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

export function describeCounters(open: OpenStore, runs: number): void {
  describe("counters", () => {
    it("equal the number of rows after any sequence of operations, and every waiting call can be fetched", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anOperation, { minLength: 5, maxLength: 40 }), async (operations) => {
          const store = await open();
          const callbacks = [await aCallback(store, { retriesEnabled: true }), await aCallback(store)];
          for (const callback of callbacks) await openOutages(store, callback);
          let now = NOW;
          for (const [index, operation] of operations.entries()) {
            now += operation.step;
            const callback = callbacks[operation.callback];
            if (callback !== undefined) await apply(store, callback, operation, { now, index });
          }
          const replays = operations.flatMap(({ kind }, index) => (kind.startsWith("replay") ? [`R${index}`] : []));
          for (const callback of callbacks) await expectTrueCounts(store, callback, replays);
        }),
        { numRuns: runs },
      );
    });
  });
}

const anOperation = fc.record({
  kind: fc.constantFrom(
    "accept",
    "attempt",
    "attempt",
    "hold",
    "mark",
    "markMatching",
    "clientReplay",
    "replay",
    "replayAll",
    "cancel",
    "toggle",
    "expire",
    "purge",
  ),
  callback: fc.constantFrom(0, 1),
  /** It picks from the calls that there are. */
  pick: fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }),
  isGood: fc.boolean(),
  step: fc.constantFrom(0, 1, MINUTE, DAY, 40 * DAY, 400 * DAY),
});
type Operation = typeof anOperation extends fc.Arbitrary<infer Value> ? Value : never;

async function apply(
  store: Store,
  callback: Callback,
  { kind, pick, isGood }: Operation,
  { now, index }: { now: number; index: number },
): Promise<void> {
  const picked = async () => {
    const pending = await everyCall(store, callback, { status: "PENDING" });
    const all = [...pending, ...(await everyCall(store, callback, {}))];
    return pick.flatMap((place) => all[place % Math.max(1, all.length)] ?? []);
  };
  const of = { callbackId: callback.id, random: 0.5 };
  const outageId = [null, ...outageIds(callback)][(pick[0] ?? 0) % 3] ?? null;
  switch (kind) {
    case "accept":
      await store.calls.accept(
        [
          {
            callbackId: callback.id,
            calls: pick.map((place) => ({ id: `${callback.id}-${index}-${place}`, response: aResponse() })),
          },
        ],
        now,
      );
      break;
    case "attempt": {
      const result = resultOf(isGood, pick);
      const attempts = (await picked()).map(({ id, seq, attemptCount, firstFailedAt }, place) => {
        return {
          ...of,
          callId: id,
          callSeq: seq,
          attempt: anAttempt({ number: attemptCount + 1, startedAt: now, cause: index % 2 === 0 ? "retry" : "replay", result }),
          recovery: place % 2,
          outageId: isGood || firstFailedAt !== null ? null : outageId,
        };
      });
      await store.outcomes.commit(aGroup({ attempts }));
      break;
    }
    case "hold":
      await store.outcomes.commit(
        aGroup({
          holdings: (await picked()).map(({ id, seq }) => ({ ...of, callId: id, callSeq: seq, at: now, outageId })),
        }),
      );
      break;
    case "mark": {
      const settled = (await picked()).filter(({ status }) => isGood || status !== "PENDING");
      await store.calls.mark(
        callback.id,
        settled.map(({ id }) => id),
        isGood ? "SUCCESS" : "FAILED",
        now,
      );
      break;
    }
    case "markMatching":
      await markMatching(store, callback.id, { changedBefore: now - MINUTE }, { status: isGood ? "SUCCESS" : "FAILED", now });
      break;
    case "clientReplay": {
      const replays = (await picked()).map(({ id }) => {
        return {
          callId: id,
          attempt: anAttempt({ startedAt: now, result: resultOf(isGood, pick), cause: "replay", sentFrom: "me@here" }),
        };
      });
      await store.calls.recordReplays(callback.id, replays, now);
      break;
    }
    case "replay":
      await store.replays.request(
        callback.id,
        aReplay({ callIds: (await picked()).map(({ id }) => id) }, { id: `R${index}` }),
        now,
      );
      break;
    case "replayAll":
      await store.replays.request(callback.id, aReplay({ filter: { since: now - DAY } }, { id: `R${index}` }), now);
      break;
    case "cancel":
      for (const place of pick) {
        if ((await store.replays.find(callback.id, `R${place}`)) === null) continue;
        const begun = new Set(isGood ? [] : (await picked()).map(({ seq }) => seq));
        const cancel = { replayId: `R${place}`, now, policy: POLICY, random: 0.5, begunCalls: () => begun };
        expect(await store.replays.cancelChunk(callback.id, cancel)).toBe(true);
      }
      break;
    case "toggle": {
      const current = await store.callbacks.find(callback.id);
      if (current !== null) await store.callbacks.update(callback.id, { ...current, retriesEnabled: isGood }, now, POLICY);
      break;
    }
    case "expire":
      await store.queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: now - POLICY.windowMs, fence: 0 }], 3);
      break;
    case "purge":
      await store.retention.purgeExpired(now, 5);
      break;
  }
}

const FAILURES = [REFUSED_503, { ...REFUSED_503, statusCode: 404 }, { kind: "unreachable", reason: "dns", detail: "" }] as const;

function resultOf(isGood: boolean, [place = 0]: readonly number[]): DeliveryResult {
  return isGood ? ACCEPTED : (FAILURES[place % FAILURES.length] ?? REFUSED_503);
}

async function expectTrueCounts(store: Store, callback: Callback, replays: readonly string[]): Promise<void> {
  const counts = await countRows(store, callback);
  expect(await store.calls.count(callback.id)).toEqual(counts);
  expect(await fetchPending(store, callback.id, 10_000)).toHaveLength(counts.PENDING);
  const failed = await everyCall(store, callback, { status: "FAILED" });
  const due = failed
    .filter((call) => call.due !== null)
    .sort((one, other) => (one.due?.at ?? 0) - (other.due?.at ?? 0) || one.seq - other.seq);
  expect(await fetchDue(store, callback.id, Number.POSITIVE_INFINITY, 10_000)).toEqual(due);
  const held = due.filter(({ sentAt }) => sentAt === null).sort((one, other) => one.seq - other.seq);
  expect(await fetchHeld(store, callback.id)).toEqual(held[0] ?? null);
  await expectTrueReplays(store, callback, replays, due);
  await expectTrueOutages(store, callback);
  await expectTrueFailures(store, callback, failed);
  for (const call of await everyCall(store, callback, { status: "SUCCESS" })) expect(call.due).toBeNull();
  const attempts = await store.calls.listAttempts(
    callback.id,
    failed.map(({ id }) => id),
  );
  for (const { id, attemptCount } of failed) expect(attempts.get(id) ?? []).toHaveLength(attemptCount);
}

async function expectTrueFailures(store: Store, callback: Callback, failed: readonly Call[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const { statusCode, error } of failed)
    counts.set(`${statusCode} ${error}`, (counts.get(`${statusCode} ${error}`) ?? 0) + 1);
  const groups = await store.calls.listFailures(callback.id);
  expect(new Map(groups.map(({ statusCode, reason, count }) => [`${statusCode} ${reason}`, count]))).toEqual(counts);
  const filter = { status: "FAILED", statusCodes: [{ class: 5 }, { none: true }] } as const;
  const matching = failed.filter((call) => matchesFilter(call, filter)).length;
  expect(await store.calls.countMatching(callback.id, filter, { budgetMs: 0 })).toEqual({ count: matching, isExact: true });
}

const outageIds = ({ id }: Callback) => [`${id} closed`, `${id} open`] as const;

async function openOutages(store: Store, callback: Callback): Promise<void> {
  const [closed, open] = outageIds(callback).map((id) => ({ id, startedAt: NOW, failedCalls: 1, quietSince: null }));
  if (closed === undefined || open === undefined) return;
  const closedOutages = [{ ...closed, callbackId: callback.id, endedAt: NOW }];
  await store.outcomes.commit(
    aGroup({ closedOutages, endpoints: [{ callbackId: callback.id, endpoint: NEW_ENDPOINT, outage: open }] }),
  );
}

async function expectTrueOutages(store: Store, callback: Callback): Promise<void> {
  const calls = [...(await everyCall(store, callback, { status: "PENDING" })), ...(await everyCall(store, callback, {}))];
  for (const id of outageIds(callback)) {
    if ((await store.outages.find(callback.id, id)) === null) continue;
    const counted = await store.outages.readCalls(id);
    expect(counted).toMatchObject(recountFates(calls, id));
    const [byFate, byFailure] = sumsOf(counted);
    expect(byFate).toBe(byFailure);
  }
}

/** Each call that waits for a replay belongs to one. */
async function expectTrueReplays(
  store: Store,
  callback: Callback,
  replays: readonly string[],
  due: readonly Call[],
): Promise<void> {
  let waiting = due.filter((call) => call.due?.cause === "replay").length;
  for (const id of replays) {
    const replay = await store.replays.find(callback.id, id);
    if (replay === null) continue;
    const { requestedAt, total, succeeded, failed, cancelled, left } = replay;
    expect(due.filter((call) => call.due?.cause === "replay" && call.due.at === requestedAt)).toHaveLength(left);
    expect(Math.min(succeeded, failed, cancelled)).toBeGreaterThanOrEqual(0);
    expect(succeeded + failed + cancelled + left).toBe(total);
    waiting -= left;
  }
  expect(waiting).toBe(0);
}
