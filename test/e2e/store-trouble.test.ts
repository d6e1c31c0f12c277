/**
 * A real service whose database can't be read or written for a while: it accepts and sends nothing that it couldn't record, says why,
 * and resumes by itself. Where mount and chattr aren't allowed, test/integration/store-trouble.test.ts covers the same faults.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { makeImmutable, makeMutable, mayTroubleDisks, SmallDisk } from "../support/process/troubled-disk.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** It is undone with the test. */
interface Trouble extends Disposable {
  readonly database: string;
  readonly reason: string;
  begin(): void;
  end(): void;
}

function fullDisk(home: Home): Trouble {
  const disk = SmallDisk.mount(home.path("disk"), 6);
  return {
    database: home.path("disk", "x.db"),
    reason: "The database's disk is full",
    begin: () => disk.fill(),
    end: () => disk.free(),
    [Symbol.dispose]: () => disk.unmount(),
  };
}

function immutableFiles(home: Home): Trouble {
  const database = home.path("x.db");
  /** Without -shm, which is mapped into memory: a write to an immutable file's memory ends the process (SIGBUS). */
  const files = ["", "-wal"].map((ending) => database + ending);
  let isImmutable = false;
  return {
    database,
    reason: "The database's disk can't be read or written",
    begin() {
      isImmutable = true;
      makeImmutable(...files);
    },
    end() {
      makeMutable(...files);
      isImmutable = false;
    },
    [Symbol.dispose]() {
      if (isImmutable) makeMutable(...files);
    },
  };
}

function lockedDatabase(home: Home): Trouble {
  const database = home.path("x.db");
  let other: Database.Database | undefined;
  return {
    database,
    reason: "The database is locked by another process",
    begin() {
      other = new Database(database);
      other.exec("BEGIN EXCLUSIVE");
    },
    end: () => void other?.close(),
    [Symbol.dispose]: () => void other?.close(),
  };
}

function corruptDatabase(home: Home): Trouble {
  const database = home.path("x.db");
  let other: Database.Database | undefined;
  let bytes: Buffer;
  return {
    database,
    reason: "The database is corrupt",
    begin() {
      other = new Database(database);
      other.pragma("wal_checkpoint(TRUNCATE)");
      bytes = readFileSync(database);
      overwrite(database, Buffer.alloc(bytes.length - 4_096, 0xa5));
      // Makes every connection drop its cached pages.
      other.pragma("user_version = 1");
    },
    end() {
      overwrite(database, bytes.subarray(4_096));
      other?.pragma("user_version = 2");
    },
    [Symbol.dispose]: () => void other?.close(),
  };
}

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
  const mark = ++marks;
  await fetch(`${endpoint.url}/mark-${mark}`);
  await endpoint.says(new RegExp(`/mark-${mark}\\b`));
  return posts(endpoint);
}

const SECRETS = /correct horse|an-api-key-of-the-tests|key-of-the-callback/;

// They wait most of the time.
describe.concurrent("a service whose database can't be written", () => {
  it.runIf(mayTroubleDisks).each([
    ["its disk is full", fullDisk],
    ["its files are immutable", immutableFiles],
  ])("pauses accepting and sending while %s, then resumes by itself", (_, prepare) => holdsThrough(prepare));

  it.each([
    ["another process keeps it locked", lockedDatabase],
    ["its pages are garbage", corruptDatabase],
  ])("pauses accepting and sending while %s, then resumes by itself", (_, prepare) => holdsThrough(prepare));

  it.runIf(mayTroubleDisks)("sends nothing after a restart from a kill until an outcome can be recorded", async () => {
    await using home = new Home();
    using trouble = fullDisk(home);
    const args = ["--db", trouble.database, "--retry-interval", "1s"];
    const server = await home.serve(args, { env: USER_ENV });
    const api = new ServedApi(server.url);
    const bad = await home.listen(["--status", "503"]);
    await api.hand(await api.create({ name: "bad", url: bad.url }), [callIdOf(1)]);
    await bad.says(/POST/);
    trouble.begin();
    await server.says(/dispatching pauses/);
    await server.stop("SIGKILL");
    const before = await postsReceived(bad);
    const again = await home.serve(args, { env: USER_ENV });
    await again.says(/dispatching pauses/);
    await delay(1_500);
    expect(await postsReceived(bad)).toBe(before);
    trouble.end();
    await eventually(
      async () => posts(bad),
      (count) => count > before,
    );
  });
});

async function holdsThrough(prepare: (home: Home) => Trouble): Promise<void> {
  await using home = new Home();
  using trouble = prepare(home);
  const server = await home.serve(["--db", trouble.database, "--retry-interval", "1s"], { env: USER_ENV });
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

  trouble.begin();
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

  trouble.end();
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
