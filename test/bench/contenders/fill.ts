/** Makes a database: a callback "demo" with calls that wait, or that were attempted (one in `failedEach` failed), and copies of it. */
import { STATUS_CODES } from "node:http";
import type { Attempt } from "../../../src/domain/attempt.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import type { Store } from "../../../src/store/open-store.js";
import { fetchPending } from "../../support/store/waiting-calls.js";
import { contender } from "../run/contender.js";
import { callbackIdOf, copyCallback, multiplyCalls } from "../run/copy-callback.js";
import { fill, openBenchStore } from "../run/product.js";
import { median } from "../run/rounds.js";
import { RARE_RESPONSE, RESPONSE, settingsFor } from "../run/sample.js";

interface Options {
  readonly database: string;
  readonly url: string;
  readonly count: number;
  /** 0: nothing was attempted, all wait. */
  readonly failedEach: number;
  /** Of those attempted, so many more that have little in common with the others, spread over all. */
  readonly rare?: number;
  /** Callbacks like it, each with as many calls. */
  readonly copies?: number;
  /** So many of all callbacks get so many waiting calls more. */
  readonly more?: { readonly callbacks: number; readonly calls: number };
  /** Of the responses that wait; default: a short message. */
  readonly contentBytes?: number;
  /** In the end each callback has so many times its calls, all waiting. */
  readonly times?: number;
}

const CHUNK = 1_000;

await contender<Options>(async ({ database, url, count, failedEach, rare = 0, copies = 0, more, contentBytes, times = 1 }) => {
  const store = await openBenchStore(database);
  const callback = await store.callbacks.create(
    callbackIdOf(0),
    settingsFor(url, { retriesEnabled: failedEach === 0 }),
    Date.now(),
  );
  const response = responseOf(contentBytes);
  let countSmallUs = Number.NaN;
  for (let done = 0; done < count; done += CHUNK) {
    const size = Math.min(CHUNK, count - done);
    await fill(store, callback.id, size, response);
    if (failedEach > 0) await attemptAll(store, callback.id, size, (index) => (index % failedEach === 0 ? 503 : 200));
    if (Math.floor(((done + size) * rare) / count) > Math.floor((done * rare) / count)) {
      await fill(store, callback.id, 1, RARE_RESPONSE);
      await attemptAll(store, callback.id, 1, () => 404);
    }
    if (done === 0) countSmallUs = await countUs(store, callback.id);
  }
  const countLargeUs = await countUs(store, callback.id);
  await store.close();
  copyCallback(database, copies);
  multiplyCalls(database, times);
  if (more !== undefined) await addCalls(database, more);
  return { countSmallUs, countLargeUs };
});

async function addCalls(database: string, { callbacks, calls }: NonNullable<Options["more"]>): Promise<void> {
  const store = await openBenchStore(database);
  for (let index = 0; index < callbacks; index += 1) await fill(store, callbackIdOf(index), calls);
  await store.close();
}

function responseOf(contentBytes: number | undefined): MessageResponse {
  if (contentBytes === undefined) return RESPONSE;
  return { ...RESPONSE, responseMessage: { ...RESPONSE.responseMessage, content: "x".repeat(contentBytes) } };
}

async function attemptAll(
  store: Store,
  callbackId: string,
  size: number,
  statusCodeOf: (index: number) => number,
): Promise<void> {
  const calls = await fetchPending(store, callbackId, size);
  const attempts = calls.map(({ id, seq }, index) => ({
    callbackId,
    callId: id,
    callSeq: seq,
    attempt: attemptWith(statusCodeOf(index)),
    random: 0.5,
    recovery: 0,
  }));
  await store.outcomes.commit({
    attempts,
    holdings: [],
    endpoints: [],
    closedOutages: [],
    mails: [],
    fences: new Map(),
    policy: DEFAULT_RETRY_POLICY,
    isRepeated: false,
  });
}

function attemptWith(statusCode: number): Attempt {
  const statusMessage = STATUS_CODES[statusCode] ?? "";
  return {
    number: 1,
    startedAt: Date.now(),
    durationMs: 12,
    cause: "first",
    result: { kind: "answered", statusCode, statusMessage, body: "" },
  };
}

/** µs that the counts by status take. */
async function countUs(store: Store, callbackId: string): Promise<number> {
  const times: number[] = [];
  for (let tries = 0; tries < 2_000; tries += 1) {
    const began = performance.now();
    await store.calls.count(callbackId);
    times.push((performance.now() - began) * 1_000);
  }
  return median(times.slice(1_000));
}
