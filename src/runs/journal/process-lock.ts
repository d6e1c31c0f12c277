/** One process per run. The lock file names its process; the next process creates the next number, which only one can. */
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { kill, pid as ownPid } from "node:process";
import { shellQuote } from "../../domain/command-line.js";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import { TO_REPLACE } from "../../platform/excess-mode.js";

export interface ProcessLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells apart processes with the same id; "" if unknown. */
  readonly started: string;
}

/** Throws `unavailable` while another process works on the run, or if the lock can't be written. */
export async function lockRun(runsDirectory: string, runId: string): Promise<ProcessLock> {
  await mkdir(runsDirectory, { recursive: true, mode: 0o700 });
  const last = await lastLock(runsDirectory, runId);
  if (last !== null && (await isAlive(last.holder))) throw lockedBy(runsDirectory, runId, last);
  const number = (last?.number ?? 0) + 1;
  const path = lockPath(runsDirectory, runId, number);
  const draft = `${path}.${ownPid}`;
  try {
    await writeFile(draft, JSON.stringify(await ownHolder()), { mode: 0o600, flag: TO_REPLACE });
    // link() is atomic: nobody reads half a file, and the second link fails.
    await link(draft, path);
  } catch (error) {
    const winner = systemErrorCode(error) === "EEXIST" ? await lastLock(runsDirectory, runId) : null;
    if (winner !== null) throw lockedBy(runsDirectory, runId, winner);
    throw new WhcbError("unavailable", `the run's lock can't be written: ${errorMessage(error)}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
  if (last !== null) await rm(lockPath(runsDirectory, runId, last.number), { force: true });
  let isHeld = true;
  return {
    async release() {
      // A later lock of this number belongs to another process.
      if (isHeld) await rm(path, { force: true });
      isHeld = false;
    },
  };
}

export async function isRunLocked(runsDirectory: string, runId: string): Promise<boolean> {
  const last = await lastLock(runsDirectory, runId);
  return last !== null && (await isAlive(last.holder));
}

interface LastLock {
  readonly number: number;
  readonly holder: Holder;
}

function lockedBy(runsDirectory: string, runId: string, { number, holder: { pid, host } }: LastLock): WhcbError {
  if (host === hostname()) {
    return new WhcbError("unavailable", `process ${pid} is working on run ${runId}`, {
      hint: "Wait until it ends, or interrupt it (Ctrl-C there).",
    });
  }
  const path = shellQuote(lockPath(runsDirectory, runId, number));
  return new WhcbError("unavailable", `process ${pid} of the machine ${host} may be working on run ${runId}`, {
    hint: `If it isn't, as after a container was created again, type: rm ${path}`,
  });
}

async function lastLock(runsDirectory: string, runId: string): Promise<LastLock | null> {
  const prefix = `${runId}.lock.`;
  const numbers = (await readdir(runsDirectory).catch(() => []))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
  if (numbers.length === 0) return null;
  const number = Math.max(...numbers);
  return { number, holder: await readHolder(lockPath(runsDirectory, runId, number)) };
}

async function readHolder(path: string): Promise<Holder> {
  const text = await readFile(path, "utf8").catch(() => "");
  const [, pid = "0", host = "", started = ""] = /^\{"pid":(\d+),"host":"([^"]*)","started":"([^"]*)"\}$/.exec(text) ?? [];
  return { pid: Number(pid), host, started };
}

async function ownHolder(): Promise<Holder> {
  return { pid: ownPid, host: hostname(), started: await startOf(ownPid) };
}

/** A process on another host can't be checked: the error names the lock to remove. */
async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
  if (pid === 0) return false;
  if (host !== hostname()) return true;
  try {
    kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  return started === "" || (await startOf(pid)) === started;
}

/** In kernel ticks; "" if unknown. The process name before it may contain spaces. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 1).split(" ")[20] ?? "";
}

function lockPath(runsDirectory: string, runId: string, number: number): string {
  return join(runsDirectory, `${runId}.lock.${number}`);
}
