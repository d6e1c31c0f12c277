/** A server and an in-process client use one file, also after a crash. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, linkSync, lstatSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { lockDatabase } from "../../src/store/sqlite/open-sqlite.js";
import { aCallback, accept, attempt, countRows, idsOf } from "../contract/store-support.js";
import { storeFiles } from "../support/store/store-files.js";
import { fetchPending } from "../support/store/waiting-calls.js";

const { path, open } = storeFiles();

/** Prints, holds the write lock for a moment, then commits as often as it can. */
const BUSY_WRITER = `
  const database = new (require("better-sqlite3"))(process.argv[1], { timeout: 5000 });
  const write = database.prepare("INSERT INTO settings VALUES (hex(randomblob(8)), x'00')");
  database.exec("BEGIN IMMEDIATE");
  require("fs").writeSync(1, "holding");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  database.exec("COMMIT");
  for (let count = 0; count < 400; count += 1) write.run();
`;

describe("two connections on one file", () => {
  it("see each other's commits and notice them", async () => {
    const file = path();
    const [server, client] = [await open(file), await open(file)];
    const before = await server.changes.readCounter();
    expect(await server.changes.readCounter()).toBe(before);
    const callback = await aCallback(client);
    await accept(client, callback, ["A"]);
    expect(await server.changes.readCounter()).not.toBe(before);
    expect(idsOf(await fetchPending(server, callback.id, 9))).toEqual(["A"]);
  });

  it("write in turns without losing or rejecting anything", async () => {
    const file = path();
    const stores = [await open(file), await open(file)];
    const callback = await aCallback(await open(file));
    const writes = Array.from({ length: 100 }, (_, index) => {
      const store = stores[index % 2];
      return store === undefined ? Promise.resolve() : accept(store, callback, [`A${index}`, `B${index}`]);
    });
    await Promise.all(writes);
    for (const store of stores) expect(await countRows(store, callback)).toEqual({ PENDING: 200, SUCCESS: 0, FAILED: 0 });
    expect(await stores[0]?.calls.count(callback.id)).toEqual({ PENDING: 200, SUCCESS: 0, FAILED: 0 });
  });

  it("share the file with another process that writes all the time", async () => {
    const file = path();
    const store = await open(file);
    const callback = await aCallback(store);
    const other = spawn(process.execPath, ["-e", BUSY_WRITER, file], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(other, "exit");
    await once(other.stdout, "data");
    for (let index = 0; index < 200; index += 1) await accept(store, callback, [`A${index}`]);
    expect(await ended).toEqual([0, null]);
    expect(await store.calls.count(callback.id)).toEqual({ PENDING: 200, SUCCESS: 0, FAILED: 0 });
  });

  it("can be opened at the same time on a file that doesn't exist yet", async () => {
    const file = path();
    const stores = await Promise.all([open(file), open(file), open(file)]);
    for (const store of stores) await store.checkWritable();
  });
});

describe("after a crash", () => {
  it("everything that was committed is still there", async () => {
    const [file, copy] = [path(), path()];
    const store = await open(file);
    const callback = await aCallback(store, { retriesEnabled: true });
    await accept(store, callback, ["A", "B", "C"]);
    await attempt(store, callback, ["A"]);
    // The store is not closed. What a kill -9 at this moment leaves is the file and its log, not the shared memory.
    copyFileSync(file, copy);
    copyFileSync(`${file}-wal`, `${copy}-wal`);
    const again = await open(copy);
    expect(await again.endpoints.list()).toEqual(await store.endpoints.list());
    expect(await again.calls.find(callback.id, "A")).toEqual(await store.calls.find(callback.id, "A"));
    expect(await again.calls.count(callback.id)).toEqual({ PENDING: 2, SUCCESS: 0, FAILED: 1 });
  });
});

describe("the serving lock", () => {
  it("excludes a second holder until it is released", async () => {
    const file = path();
    const lock = await lockDatabase(file);
    await expect(lockDatabase(file)).rejects.toMatchObject({
      code: "config",
      message: `${file} is already served by another process`,
    });
    await lock.release();
    await (await lockDatabase(file)).release();
  });

  it("is the same under another name of the file, needs no database, and doesn't block file mode", async () => {
    const file = path();
    const lock = await lockDatabase(file);
    await expect(lockDatabase(file.replace(/whcb\.db$/, "./x/../whcb.db"))).rejects.toMatchObject({ code: "config" });
    const store = await openStore({ url: file, clock: systemClock, secretKey: new Uint8Array(32) });
    await store.checkWritable();
    await store.close();
    await lock.release();
  });

  it("excludes another process, and is released when its own process dies", async () => {
    const file = path();
    const attempted = (path: string) =>
      spawnSync(process.execPath, [
        "-e",
        `const D = require("better-sqlite3"); new D(process.argv[1], { timeout: 0 }).exec("BEGIN EXCLUSIVE"); process.kill(process.pid, "SIGKILL")`,
        path,
      ]);
    const lock = await lockDatabase(file);
    expect(attempted(`${file}-serve.lock`).stderr.toString()).toContain("SQLITE_BUSY");
    await lock.release();
    expect(attempted(`${file}-serve.lock`).signal).toBe("SIGKILL");
    await (await lockDatabase(file)).release();
  });

  it("can't be taken by other users, who could keep a service from starting: also where an earlier version let them", async () => {
    const file = path();
    writeFileSync(`${file}-serve.lock`, "");
    chmodSync(`${file}-serve.lock`, 0o644);
    const lock = await lockDatabase(file);
    expect((statSync(`${file}-serve.lock`).mode & 0o777).toString(8)).toBe("600");
    await lock.release();
  });

  it.each([
    [symlinkSync, ""],
    [symlinkSync, "not a database"],
    [symlinkSync, null],
    [linkSync, ""],
  ])("isn't taken through a link that another user may have made, and nothing is changed: %o to %j", async (make, content) => {
    const file = path();
    const target = `${file}.conf`;
    if (content !== null) writeFileSync(target, content, { mode: 0o644 });
    make(target, `${file}-serve.lock`);
    const before = statesOf(dirname(file));
    await expect(lockDatabase(file)).rejects.toMatchObject({
      code: "config",
      message: `${file}-serve.lock is a link, or not a file`,
      hint: "Remove it: whcb creates it.",
    });
    expect(statesOf(dirname(file))).toEqual(before);
  });

  const statesOf = (folder: string) =>
    readdirSync(folder).map((name) => {
      const { mode, size } = lstatSync(join(folder, name));
      return { name, mode, size };
    });

  it("isn't needed in memory, and is reported if it can't be created", async () => {
    await lockDatabase(":memory:");
    await lockDatabase(":memory:");
    await expect(lockDatabase(`${path()}/missing/x.db`)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("can't be locked"),
    });
  });
});
