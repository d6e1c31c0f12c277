import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isRunLocked, lockRun } from "../../../../src/runs/journal/process-lock.js";

const RUN = "20261124-233015-7F3A";
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-lock-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function lockOf(pid: number, number = 1, host = hostname()): void {
  writeFileSync(join(folder, `${RUN}.lock.${number}`), JSON.stringify({ pid, host, started: "" }));
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "0"]);
  await once(child, "exit");
  return child.pid ?? 0;
}

describe("a run's lock", () => {
  it("is held by one process at a time", async () => {
    const lock = await lockRun(folder, RUN);
    await expect(lockRun(folder, RUN)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(String(process.pid)),
    });
    expect(await isRunLocked(folder, RUN)).toBe(true);
    await lock.release();
    expect(await isRunLocked(folder, RUN)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("isn't written through a link that another user may have made", async () => {
    const target = join(folder, "target");
    writeFileSync(target, "as it was");
    symlinkSync(target, join(folder, `${RUN}.lock.1.${process.pid}`));
    await expect(lockRun(folder, RUN)).rejects.toMatchObject({ code: "unavailable" });
    expect(readFileSync(target, "utf8")).toBe("as it was");
  });

  it("of a process that is gone blocks no other", async () => {
    lockOf(await deadPid());
    expect(await isRunLocked(folder, RUN)).toBe(false);
    await (await lockRun(folder, RUN)).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("goes to only one of the processes that find its holder gone", async () => {
    lockOf(await deadPid(), 4);
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(folder, RUN)));
    expect(tries.filter(({ status }) => status === "fulfilled").length).toBe(1);
  });

  it("released twice isn't taken from its present owner", async () => {
    const first = await lockRun(folder, RUN);
    await first.release();
    await lockRun(folder, RUN);
    await first.release();
    expect(await isRunLocked(folder, RUN)).toBe(true);
  });

  it("of another machine is respected, and the error names the file to remove once it has ended", async () => {
    lockOf(await deadPid(), 1, "box1");
    await expect(lockRun(folder, RUN)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("of the machine box1 may be working on run"),
      hint: `If it isn't, as after a container was created again, type: rm ${join(folder, `${RUN}.lock.1`)}`,
    });
  });

  it("isn't held by a later process of the same number", async () => {
    writeFileSync(join(folder, `${RUN}.lock.1`), JSON.stringify({ pid: process.pid, host: hostname(), started: "1" }));
    expect(await isRunLocked(folder, RUN)).toBe(process.platform !== "linux");
  });
});
