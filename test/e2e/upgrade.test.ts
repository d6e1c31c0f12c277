/**
 * A database, a key file, an outage e-mail and settings that whcb 0.1.0 wrote (test/fixtures/0.1.0): this version opens and serves them.
 * Three callbacks: demo (healthy, two responses waiting), down (in an outage, calls due and held), once (retries off). Their
 * endpoints answered on 127.0.0.1:19101 to 19103.
 */
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import { systemClock } from "../../src/platform/clock.js";
import { openStore, type Store } from "../../src/store/open-store.js";
import { loadOrCreateSecretKey } from "../../src/store/secret-key.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const FIXTURES = join(import.meta.dirname, "..", "fixtures", "0.1.0");
/** A minute after the fixture was written. */
const NOW = Date.UTC(2026, 10, 25, 23, 3);
const FIRST_FAILED = "01A214F1FFCC7ABF9E781F615BAA2274";

let home: Home;
const opened: Store[] = [];

beforeEach(() => {
  home = new Home();
  cpSync(FIXTURES, home.folder, { recursive: true });
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await home.leave();
});

async function open(): Promise<Store> {
  const path = home.path("whcb.db");
  const store = await openStore({
    url: path,
    clock: systemClock,
    secretKey: () => loadOrCreateSecretKey(path, { mayCreate: false }),
  });
  opened.push(store);
  return store;
}

async function callbackOf(store: Store, name: string): Promise<Callback> {
  const callback = await store.callbacks.find(name);
  if (callback === null) throw new Error(`no callback ${name}`);
  return callback;
}

async function callsOf(store: Store, callback: Callback) {
  const page = { sort: [], limit: 50, offset: 0 };
  const settled = await store.calls.list(callback.id, { ...page, filter: {} });
  const waiting = await store.calls.list(callback.id, { ...page, filter: { status: "PENDING" } });
  return [...settled.items, ...waiting.items];
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? String(address.port) : "";
}

describe("a database of version 0.1.0", () => {
  it("has its callbacks, with their auth keys", async () => {
    const store = await open();
    const { items } = await store.callbacks.list({ sort: [], limit: 10, offset: 0 });
    expect(
      items.map(({ name, auth, contentType, removeHtml, retriesEnabled }) => [
        name,
        auth,
        contentType,
        removeHtml,
        retriesEnabled,
      ]),
    ).toEqual([
      ["demo", { type: "httpheader", key: "key-of-demo" }, "json", false, true],
      ["down", { type: "bearertoken", key: "key-of-down" }, "json", false, true],
      ["once", { type: "queryparam", key: "key-of-once" }, "xml", true, false],
    ]);
  });

  it("has its calls, in every state, with their attempts", async () => {
    const store = await open();
    const states: Record<string, string[]> = {};
    for (const name of ["demo", "down", "once"]) {
      const calls = await callsOf(store, await callbackOf(store, name));
      states[name] = calls.map(
        ({ status, attemptCount, due, settledBy }) =>
          `${status} after ${attemptCount}${due === null ? "" : `, ${due.cause} due`}${settledBy === null ? "" : `, by ${settledBy}`}`,
      );
    }
    expect(states).toEqual({
      demo: ["FAILED after 1, by user", ...Array(3).fill("SUCCESS after 1, by dispatcher"), "PENDING after 0", "PENDING after 0"],
      down: [
        ...Array(2).fill("FAILED after 1, retry due"),
        ...Array(4).fill("FAILED after 0, retry due"),
        ...Array(10).fill("FAILED after 1, retry due"),
      ],
      once: ["SUCCESS after 1, by user", "FAILED after 1", "FAILED after 1"],
    });
    const down = await callbackOf(store, "down");
    expect((await store.calls.listAttempts(down.id, [FIRST_FAILED])).get(FIRST_FAILED)).toEqual([
      {
        number: 1,
        startedAt: expect.any(Number),
        durationMs: expect.any(Number),
        cause: "first",
        result: { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "rehearsed failure\n" },
      },
    ]);
    const demo = await callsOf(store, await callbackOf(store, "demo"));
    expect(demo.map(({ response }) => response.responseMessage.content)).toContain("Grüße 1 👋");
  });

  it("has its outages, reported by the e-mails beside it, and where its endpoints stood", async () => {
    const store = await open();
    const { items } = await store.outages.list({ limit: 10, offset: 0 });
    const [down, once] = [await callbackOf(store, "down"), await callbackOf(store, "once")];
    expect(
      items.map(({ callbackId, failedCalls, endedAt, notifiedAt }) => [callbackId, failedCalls, endedAt, notifiedAt === null]),
    ).toEqual([
      [down.id, 16, null, false],
      [once.id, 3, null, false],
    ]);
    expect(readdirSync(join(FIXTURES, "mail")).sort()).toEqual(items.map(({ id }) => `outage-${id}.eml`).sort());
    const records = await store.endpoints.list();
    expect(records.map(({ callback, endpoint }) => [callback.name, endpoint.state])).toEqual([
      ["demo", "up"],
      ["down", "down"],
      ["once", "up"],
    ]);
  });

  it("takes marks, requests for a replay, new responses and changes", async () => {
    const store = await open();
    const [demo, down] = [await callbackOf(store, "demo"), await callbackOf(store, "down")];
    await store.calls.mark(down.id, [FIRST_FAILED], "SUCCESS", NOW);
    expect(await store.replays.request(down.id, { id: "R", by: null, selection: { filter: {} } }, NOW)).toMatchObject({
      accepted: 15,
    });
    expect(await store.calls.count(down.id)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 15 });
    const changed = await store.callbacks.update(demo.id, { ...demo, name: "renamed" }, NOW, DEFAULT_RETRY_POLICY);
    expect(changed).toEqual({ ...demo, name: "renamed" });
    await store.callbacks.delete(down.id, NOW);
    // One of them is of a callback that was deleted before.
    expect(await store.retention.purgeDeleted(100)).toBe(17);
  });

  it("is served: with the old settings, what waited is delivered and what failed is replayed", async () => {
    const endpoint = await home.listen();
    const store = await open();
    for (const name of ["demo", "once"]) {
      const callback = await callbackOf(store, name);
      await store.callbacks.update(callback.id, { ...callback, url: `${endpoint.url}/${name}` }, NOW, DEFAULT_RETRY_POLICY);
    }
    await store.callbacks.delete((await callbackOf(store, "down")).id, NOW);
    await store.close();
    opened.splice(0);
    // The profile's port is replaced by one that is free now.
    const settingsBefore = readFileSync(join(FIXTURES, "config.json"), "utf8").replace("19100", await freePort());
    mkdirSync(home.path("config"));
    writeFileSync(home.path("config", "config.json"), settingsBefore, { mode: 0o600 });
    const { serve: credentials, profiles } = JSON.parse(settingsBefore);
    await home.serve(["--db", home.path("whcb.db"), "--port", new URL(profiles.local.url).port]);
    const calls = async (...args: string[]) =>
      (await home.whcb(["calls", "list", ...args, "-o", "ids"])).stdout.trim().split("\n");
    await eventually(
      () => calls("demo", "--success"),
      (ids) => ids.length >= 5,
    );
    const replay = await home.whcb(["replay", "once", "--failed", "--yes"]);
    expect(replay.code).toBe(0);
    expect(await calls("once", "--success")).toHaveLength(3);
    const settings = JSON.parse(readFileSync(home.path("config", "config.json"), "utf8"));
    expect(settings.serve).toEqual(credentials);
    const ofServe = {
      database: home.path("whcb.db"),
      databaseId: expect.any(String),
      portLock: { path: expect.any(String), pid: expect.any(Number), port: expect.any(Number), addresses: ["127.0.0.1", "::1"] },
    };
    expect(settings.profiles).toEqual({ local: { ...profiles.local, ...ofServe } });
  });
});
