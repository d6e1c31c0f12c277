import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WhcbError } from "../../../../src/domain/errors.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { isRunLocked, lockRun } from "../../../../src/runs/journal/process-lock.js";
import type { FileLock, RunFolder } from "../../../../src/runs/run-deps.js";
import { lockFile } from "../../../../src/store/sqlite/lock-database.js";
import { IS_WINDOWS } from "../../../support/system.js";

const RUN = "20261124-233015-7F3A";
let runsDirectory: string;
let folder: RunFolder;
let held: FileLock[];

beforeEach(() => {
  runsDirectory = mkdtempSync(join(tmpdir(), "whcb-lock-"));
  held = [];
  folder = { runsDirectory, lockFile: lockAndKeep, clock: systemClock };
});

afterEach(async () => {
  // Windows removes no open file.
  for (const lock of held) await lock.release();
  rmSync(runsDirectory, { recursive: true });
});

async function lockAndKeep(path: string): Promise<FileLock | null> {
  const lock = await lockFile(path);
  if (lock !== null) held.push(lock);
  return lock;
}

/** Another process has the lock, as lockRun takes it. */
const HOLDER = `
  new (require("better-sqlite3"))(process.argv[1]).exec("BEGIN EXCLUSIVE");
  require("fs").writeFileSync(process.argv[1] + ".pid", String(process.pid));
  process.stdout.write("holding");
  setInterval(() => {}, 1e6);
`;

describe("a run's lock", () => {
  it("is held by one process at a time, and leaves no file where there is no journal", async () => {
    const lock = await lockRun(folder, RUN);
    await expect(lockRun(folder, RUN)).rejects.toMatchObject({
      code: "unavailable",
      message: `process ${process.pid} is working on run ${RUN}`,
    });
    expect(await isRunLocked(folder, RUN)).toBe(true);
    await lock.release();
    expect(await isRunLocked(folder, RUN)).toBe(false);
    expect(readdirSync(runsDirectory)).toEqual([]);
  });

  it("of another process is kept while that is stopped, and free as soon as it is killed", async () => {
    const holder = spawn(process.execPath, ["-e", HOLDER, join(runsDirectory, `${RUN}.lock`)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    if (!IS_WINDOWS) holder.kill("SIGSTOP");
    await expect(lockRun(folder, RUN)).rejects.toMatchObject({ message: `process ${holder.pid} is working on run ${RUN}` });
    expect(await isRunLocked(folder, RUN)).toBe(true);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(await isRunLocked(folder, RUN)).toBe(false);
    await (await lockRun(folder, RUN)).release();
    expect(readdirSync(runsDirectory)).toEqual([]);
  });

  it("goes to one of those that want it at once", async () => {
    writeFileSync(join(runsDirectory, `${RUN}.lock`), "");
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(folder, RUN)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("stays the same file as long as the run has a journal, for each process that has it open", async () => {
    writeFileSync(join(runsDirectory, `${RUN}.ndjson`), "");
    await (await lockRun(folder, RUN)).release();
    expect(readdirSync(runsDirectory)).toEqual([`${RUN}.lock`, `${RUN}.ndjson`]);
  });

  it("released twice isn't taken from its present owner", async () => {
    const first = await lockRun(folder, RUN);
    await first.release();
    await lockRun(folder, RUN);
    await first.release();
    expect(await isRunLocked(folder, RUN)).toBe(true);
  });

  it.skipIf(IS_WINDOWS)("names its process through no link that another user may have made", async () => {
    const target = join(runsDirectory, "target");
    writeFileSync(target, "as it was");
    symlinkSync(target, join(runsDirectory, `${RUN}.lock.pid`));
    await lockRun(folder, RUN);
    expect(readFileSync(target, "utf8")).toBe("as it was");
    expect(await isRunLocked(folder, RUN)).toBe(true);
  });

  it("isn't needed by a new run where files can't be locked, but to resume one", async () => {
    const error = new WhcbError("unavailable", "the file can't be locked");
    folder = { ...folder, lockFile: () => Promise.reject(error) };
    await (await lockRun(folder, RUN)).release();
    writeFileSync(join(runsDirectory, `${RUN}.ndjson`), "");
    await expect(lockRun(folder, RUN)).rejects.toBe(error);
  });
  // Only root can give a file away.
  it.runIf(process.getuid?.() === 0)("is needed if a stranger may have made the folder or the file", async () => {
    chmodSync(runsDirectory, 0o1777);
    for (const end of ["", "-journal"]) {
      const path = join(runsDirectory, `${RUN}.lock${end}`);
      writeFileSync(path, "");
      chownSync(path, 12_345, 12_345);
      const message = `${path} belongs to another user, and others may write to its folder`;
      await expect(lockRun(folder, RUN)).rejects.toMatchObject({
        code: "config",
        message,
        hint: expect.stringMatching(/^Remove it/),
      });
      rmSync(path);
    }
    const planted = join(runsDirectory, "planted");
    mkdirSync(planted);
    chownSync(planted, 12_345, 12_345);
    await expect(lockRun({ ...folder, runsDirectory: planted }, RUN)).rejects.toMatchObject({ code: "config" });
    expect(readdirSync(planted)).toEqual([]);
  });
});
