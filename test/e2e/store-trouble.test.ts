/**
 * A real service whose database can't be read or written for a while: it accepts and sends nothing that it couldn't record, says why,
 * and resumes by itself. Where mount and chattr aren't allowed, test/integration/store-trouble.test.ts covers the same faults.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { makeImmutable, makeMutable, mayTroubleDisks, SmallDisk } from "../support/process/troubled-disk.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;
let cleanUp: () => void;

beforeEach(() => {
  home = new Home();
  cleanUp = () => undefined;
});

afterEach(async () => {
  cleanUp();
  await home.leave();
});

interface Trouble {
  /** Returns the path for the database. */
  prepare(): string;
  begin(database: string): void;
  end(database: string): void;
  readonly reason: string;
}

let disk: SmallDisk | null;
let other: Database.Database;
let bytes: Buffer;

const FULL: Trouble = {
  reason: "The database's disk is full",
  prepare() {
    disk = SmallDisk.mount(home.path("disk"), 6);
    cleanUp = () => disk?.unmount();
    return home.path("disk", "x.db");
  },
  begin: () => disk?.fill(),
  end: () => disk?.free(),
};

/** Without -shm, which is mapped into memory: a write to an immutable file's memory ends the process (SIGBUS). */
const filesOf = (database: string) => ["", "-wal"].map((ending) => database + ending);
const IMMUTABLE: Trouble = {
  reason: "The database's disk can't be read or written",
  prepare: () => home.path("x.db"),
  begin(database) {
    cleanUp = () => makeMutable(...filesOf(database));
    makeImmutable(...filesOf(database));
  },
  end(database) {
    makeMutable(...filesOf(database));
    cleanUp = () => undefined;
  },
};

const LOCKED: Trouble = {
  reason: "The database is locked by another process",
  prepare: () => home.path("x.db"),
  begin(database) {
    other = new Database(database);
    other.exec("BEGIN EXCLUSIVE");
  },
  end: () => void other.close(),
};

const CORRUPT: Trouble = {
  reason: "The database is corrupt",
  prepare: () => home.path("x.db"),
  begin(database) {
    other = new Database(database);
    other.pragma("wal_checkpoint(TRUNCATE)");
    bytes = readFileSync(database);
    overwrite(database, Buffer.alloc(bytes.length - 4_096, 0xa5));
    // Makes every connection drop its cached pages.
    other.pragma("user_version = 1");
  },
  end(database) {
    overwrite(database, bytes.subarray(4_096));
    other.pragma("user_version = 2");
    other.close();
  },
};

/** Overwrites all but the first page in place. */
function overwrite(file: string, pages: Uint8Array): void {
  const opened = openSync(file, "r+");
  writeSync(opened, pages, 0, pages.length, 4_096);
  closeSync(opened);
}

type Endpoint = Awaited<ReturnType<Home["listen"]>>;

const posts = (endpoint: Endpoint) => endpoint.stdout.match(/POST/g)?.length ?? 0;

let marks = 0;
/** The POSTs of every request that has reached the endpoint: it prints in order, so after the mark all earlier ones are counted. */
async function postsReceived(endpoint: Endpoint): Promise<number> {
  marks += 1;
  await fetch(`${endpoint.url}/mark-${marks}`);
  await endpoint.says(new RegExp(`/mark-${marks}\\b`));
  return posts(endpoint);
}

const SECRETS = /correct horse|an-api-key-of-the-tests|key-of-the-callback/;

describe("a service whose database can't be written", () => {
  it.runIf(mayTroubleDisks).each([
    ["its disk is full", FULL],
    ["its files are immutable", IMMUTABLE],
  ])("pauses accepting and sending while %s, then resumes by itself", (_, trouble) => holdsThrough(trouble));

  it.each([
    ["another process keeps it locked", LOCKED],
    ["its pages are garbage", CORRUPT],
  ])("pauses accepting and sending while %s, then resumes by itself", (_, trouble) => holdsThrough(trouble));

  it.runIf(mayTroubleDisks)("sends nothing after a restart from a kill until an outcome can be recorded", async () => {
    const database = FULL.prepare();
    const args = ["--db", database, "--retry-interval", "1s"];
    const server = await home.serve(args, { env: USER_ENV });
    const api = new ServedApi(server.url);
    const bad = await home.listen(["--status", "503"]);
    await api.hand(await api.create({ name: "bad", url: bad.url }), [callIdOf(1)]);
    await bad.says(/POST/);
    FULL.begin(database);
    await server.says(/dispatching pauses/);
    await server.stop("SIGKILL");
    const before = await postsReceived(bad);
    const again = await home.serve(args, { env: USER_ENV });
    await again.says(/dispatching pauses/);
    await delay(1_500);
    expect(await postsReceived(bad)).toBe(before);
    FULL.end(database);
    await eventually(
      async () => posts(bad),
      (count) => count > before,
    );
  });
});

async function holdsThrough(trouble: Trouble): Promise<void> {
  const database = trouble.prepare();
  const server = await home.serve(["--db", database, "--retry-interval", "1s"], { env: USER_ENV });
  const api = new ServedApi(server.url);
  const [bad, good] = [await home.listen(["--status", "503"]), await home.listen()];
  const badId = await api.create({ name: "bad", url: bad.url });
  const goodId = await api.create({ name: "good", url: good.url });
  const accepted = [callIdOf(0), callIdOf(1)];
  await api.hand(badId, [callIdOf(0, "bad")]);
  await api.hand(goodId, accepted);
  await Promise.all([bad.says(/POST/), good.says(/(POST[\s\S]*){2}/)]);
  await eventually(
    () => api.count(goodId, "SUCCESS"),
    (count) => count === 2,
  );

  trouble.begin(database);
  const refusal = await eventually(
    async () => {
      const id = callIdOf(accepted.length);
      const { status, headers } = await api.hand(goodId, [id]);
      if (status === 202) accepted.push(id);
      return { status, retryAfter: headers.get("retry-after") };
    },
    ({ status }) => status !== 202,
  );
  expect(refusal).toEqual({ status: 503, retryAfter: "5" });
  await eventually(
    () => api.readiness(),
    ({ status, body }) =>
      status === 503 && JSON.stringify(body) === JSON.stringify({ status: "not ready", reason: trouble.reason }),
  );
  expect((await api.fetch("/healthz")).status).toBe(200);
  await server.says(/dispatching pauses/);
  expect(server.stderr).toContain(trouble.reason);
  const sent = (await postsReceived(bad)) + (await postsReceived(good));
  // Longer than the retry interval: a retry is due by now.
  await delay(1_500);
  expect((await postsReceived(bad)) + (await postsReceived(good))).toBe(sent);

  trouble.end(database);
  await eventually(
    () => api.readiness(),
    ({ status }) => status === 200,
  );
  const last = callIdOf(accepted.length);
  expect((await api.hand(goodId, [last])).status).toBe(202);
  accepted.push(last);
  await eventually(
    () => api.count(goodId, "SUCCESS"),
    (count) => count === accepted.length,
  );
  const retries = posts(bad);
  await eventually(
    async () => posts(bad),
    (count) => count > retries,
  );
  const { code, stderr } = await server.stop();
  expect(code, stderr).toBe(0);
  expect(posts(good)).toBe(accepted.length);
  expect(stderr).not.toMatch(SECRETS);
}
