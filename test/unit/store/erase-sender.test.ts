import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { afterEach, expect, it } from "vitest";
import type { Mail, NoticeChannel } from "../../../src/domain/outage.js";
import { systemClock } from "../../../src/platform/clock.js";
import { type AdminStore, openAdminStore, type Store } from "../../../src/store/open-store.js";
import {
  aCallback,
  accept,
  aGroup,
  aReplay,
  attempt,
  callOf,
  countRows,
  markMatching,
  NOW,
} from "../../contract/store-support.js";
import { aResponse, REFUSED_503 } from "../../support/builders.js";
import { storeFiles } from "../../support/store/store-files.js";

const files = storeFiles();
const MOBILE = "61491570156";
/** These are more than one chunk. */
const MANY = 1_201;

const opened: AdminStore[] = [];
afterEach(async () => {
  for (const admin of opened.splice(0)) await admin.close();
});

async function erase(path: string, dryRun = false) {
  const admin = await openAdminStore(path, systemClock);
  opened.push(admin);
  return admin.eraseSender({
    isSender: (text) => text === MOBILE,
    eraseMail: () => null,
    eraseFiles: async () => 0,
    dryRun,
    now: NOW + 1,
  });
}

const contains = (path: string) => [path, `${path}-wal`].some((file) => readFileSync(file).includes(MOBILE));
const idOf = (index: number) => index.toString(16).toUpperCase().padStart(32, "0");

async function acceptFrom(store: Store, callbackId: string, ids: readonly string[], mobile = MOBILE): Promise<void> {
  const response = aResponse({ from: { ...aResponse().from, mobile }, customParameters: { number: mobile } });
  await store.calls.accept([{ callbackId, calls: ids.map((id) => ({ id, response })) }], NOW);
}

it("erases the calls of a sender in every state, and their attempts, and keeps ids, counts and everyone else's", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store, { retriesEnabled: true });
  await acceptFrom(store, callback.id, ["PENDING", "FAILED", "SUCCESS"]);
  await accept(store, callback, ["OTHER"]);
  const echo = { kind: "answered", statusMessage: MOBILE, body: `you sent ${MOBILE}` } as const;
  await attempt(store, callback, ["FAILED", "OTHER"], { result: { ...echo, statusCode: 500 } });
  await attempt(store, callback, ["SUCCESS"], { result: { ...echo, statusCode: 200 } });
  await attempt(store, callback, ["FAILED"], { result: { kind: "unreachable", reason: "dns", detail: MOBILE } });
  const other = await callOf(store, callback, "OTHER");
  const before = await callOf(store, callback, "SUCCESS");

  const found = {
    callIds: new Set(["PENDING", "FAILED", "SUCCESS"]),
    failed: 1,
    waiting: 2,
    attempts: 3,
    mails: [],
    sentMails: 0,
    filedMails: 0,
    mailFiles: 0,
  };
  expect(await erase(path, true)).toEqual({ ...found, addresses: new Map([[MOBILE, 3]]) });
  expect((await callOf(store, callback, "FAILED")).status).toBe("FAILED");
  expect(await erase(path)).toEqual({ ...found, addresses: new Map([[MOBILE, 3]]) });

  const from = { name: "", mri: "", mobile: "", email: "", voice: "" };
  const { responseMessage, ...rest } = aResponse();
  const response = { ...rest, from, responseMessage: { ...responseMessage, content: "" } };
  const erased = { status: "SUCCESS", due: null, statusMessage: "Erased: the sender's data was removed", response };
  expect(await callOf(store, callback, "PENDING")).toMatchObject({ ...erased, settledBy: "user", changedAt: NOW + 1 });
  expect(await callOf(store, callback, "FAILED")).toMatchObject({ ...erased, settledBy: "user", attemptCount: 2 });
  // Its retention goes on from its last change.
  expect(await callOf(store, callback, "SUCCESS")).toMatchObject({
    ...erased,
    settledBy: "dispatcher",
    changedAt: before.changedAt,
  });
  expect(await callOf(store, callback, "OTHER")).toEqual(other);
  expect(await markMatching(store, callback.id, {}, { status: "FAILED", now: NOW + 2 })).toBe(0);
  expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, FAILED: 1, SUCCESS: 3 });
  expect(await countRows(store, callback)).toEqual({ PENDING: 0, FAILED: 1, SUCCESS: 3 });
  const attempts = await store.calls.listAttempts(callback.id, ["FAILED", "SUCCESS", "OTHER"]);
  expect(attempts.get("FAILED")).toMatchObject([
    { number: 1, cause: "first", result: { kind: "answered", statusCode: 500, statusMessage: "", body: "" } },
    { number: 2, result: { kind: "unreachable", reason: "dns", detail: "" } },
  ]);
  expect(attempts.get("OTHER")).toMatchObject([{ result: { body: `you sent ${MOBILE}` } }]);
  await expect(store.calls.mark(callback.id, ["OTHER", "PENDING"], "FAILED", NOW)).rejects.toMatchObject({
    code: "invalid",
    message: "Call PENDING was erased and can't be sent again, so it can't be marked FAILED",
  });
  const another = { ...aResponse(), messageId: "ANOTHER" };
  await expect(
    store.calls.accept([{ callbackId: callback.id, calls: [{ id: "SUCCESS", response: another }] }], NOW + 3),
  ).rejects.toThrow("The id SUCCESS belongs to another response");
  expect(await store.replays.request(callback.id, aReplay({ filter: {} }), NOW)).toMatchObject({ accepted: 1 });
});

it("leaves an erased call erased, whatever a client reports of it, and stores none of that", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  await acceptFrom(store, callback.id, ["ERASED"]);
  await accept(store, callback, ["OTHER"]);
  await attempt(store, callback, ["ERASED", "OTHER"], { result: REFUSED_503 });
  await erase(path);
  const erased = await callOf(store, callback, "ERASED");
  const saysErased = {
    kind: "answered",
    statusCode: 503,
    statusMessage: "Erased: the sender's data was removed",
    body: MOBILE,
  } as const;
  const replays = ["ERASED", "OTHER"].map((callId) => {
    return {
      callId,
      attempt: { startedAt: NOW + 9, durationMs: 1, cause: "replay", sentFrom: "ada@desk", result: saysErased } as const,
    };
  });
  await store.calls.recordReplays(callback.id, replays, NOW + 9);
  await store.calls.mark(callback.id, ["ERASED", "OTHER"], "SUCCESS", NOW + 9, { settledBy: "replay", replays });
  expect(await callOf(store, callback, "ERASED")).toEqual(erased);
  expect((await store.calls.listAttempts(callback.id, ["ERASED"])).get("ERASED")).toHaveLength(1);
  await expect(store.calls.mark(callback.id, ["ERASED"], "FAILED", NOW + 9)).rejects.toMatchObject({ code: "invalid" });
  // A text that an endpoint may answer erases nothing.
  await store.calls.mark(callback.id, ["OTHER"], "FAILED", NOW + 9);
  expect(await callOf(store, callback, "OTHER")).toMatchObject({ status: "FAILED", attemptCount: 2 });
});

it("leaves no byte of thousands of calls in the file, nor of calls that were removed or changed before", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  const gone = await aCallback(store);
  await acceptFrom(store, gone.id, ["GONE"]);
  await acceptFrom(
    store,
    callback.id,
    Array.from({ length: MANY }, (_, index) => idOf(index)),
  );
  await store.callbacks.delete(gone.id, NOW);
  await store.retention.purgeDeleted(10);
  expect(contains(path)).toBe(true);
  expect((await erase(path)).callIds.size).toBe(MANY);
  expect(contains(path)).toBe(false);
  expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, FAILED: 0, SUCCESS: MANY });
});

it("that another process keeps from rewriting the file is completed by the next one, though nothing is left to find", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  await acceptFrom(store, callback.id, ["A"]);
  const reader = new Database(path);
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM calls").get();
  await expect(erase(path)).rejects.toMatchObject({ code: "unavailable" });
  reader.close();
  expect(contains(path)).toBe(true);
  expect((await erase(path)).callIds.size).toBe(0);
  expect(contains(path)).toBe(false);
});

it("fails while a run is sending, and changes nothing", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  await acceptFrom(store, callback.id, ["A"]);
  await store.runLeases.take(callback.id, { run: "R1", holder: "ada@desk", done: 0, total: 1 }, NOW);
  await expect(erase(path)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining("ada@desk"),
  });
  expect((await callOf(store, callback, "A")).status).toBe("PENDING");
  await store.runLeases.release(callback.id, { run: "R1", holder: "ada@desk", done: 0, total: 1 }, NOW);
  expect((await erase(path)).callIds.size).toBe(1);
});

it("erases e-mails, more than are read at once, and says how many had been sent by which way", async () => {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  const ids = Array.from({ length: 501 }, (_, index) => idOf(index));
  const mailOf = (outageId: string) => {
    const subject = outageId === ids[1] ? "another's" : MOBILE;
    return { outageId, callbackId: callback.id, to: "a@b", subject, text: "fails", createdAt: NOW };
  };
  const closed = { callbackId: callback.id, startedAt: NOW, failedCalls: 1, quietSince: null, endedAt: NOW };
  const closedOutages = ids.map((id) => ({ id, ...closed }));
  await store.outcomes.commit(aGroup({ closedOutages, mails: ids.map(mailOf) }));
  for (const [index, by] of (["smtp", "smtp", "file"] satisfies NoticeChannel[]).entries())
    await store.mails.recordSent(idOf(index), NOW, by);
  await store.mails.recordSent(idOf(500), NOW, "file");
  const admin = await openAdminStore(path, systemClock);
  opened.push(admin);
  const eraseMail = ({ subject, text }: Mail) => (subject === MOBILE ? { subject: "erased", text, addresses: [] } : null);
  const { mails, sentMails, filedMails } = await admin.eraseSender({
    isSender: () => false,
    eraseMail,
    eraseFiles: async () => 0,
    dryRun: false,
    now: NOW,
  });
  const others = ids.filter((id) => id !== ids[1]);
  expect([mails.map(({ outageId }) => outageId), sentMails, filedMails]).toEqual([others, 1, 2]);
  const subjects = await Promise.all([...ids.slice(0, 3), idOf(500)].map(async (id) => (await store.mails.find(id))?.subject));
  expect(subjects).toEqual(["erased", "another's", "erased", "erased"]);
});
