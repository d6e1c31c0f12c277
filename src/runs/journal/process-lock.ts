/** One process works on a run: it has an operating-system lock on a file, which ends with the process. */
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pid as ownPid } from "node:process";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { createOwnFolder } from "../../platform/files/durable-folders.js";
import { TO_REPLACE } from "../../platform/files/excess-mode.js";
import { requireNoStrangersBeside } from "../../platform/files/is-own.js";
import { removeLocked } from "../../platform/files/remove-locked.js";
import { type FileLock, NO_LOCK, type RunFolder } from "../run-deps.js";
import { journalPath } from "./run-id.js";

/** Throws `unavailable` while another process works on the run, and as `lockFile` for a run that has a journal. */
export async function lockRun({ runsDirectory, lockFile }: RunFolder, runId: string): Promise<FileLock> {
  await createOwnFolder(runsDirectory);
  const [path, pidPath] = [lockPath(runsDirectory, runId), `${lockPath(runsDirectory, runId)}.pid`];
  let lock: FileLock | null;
  try {
    lock = await lockFile(path);
  } catch (error) {
    requireNoStrangersBeside(path);
    // Where files can't be locked, no run is resumed, so a new one has nobody to keep out.
    if (isWhcbError(error) && !existsSync(journalPath(runsDirectory, runId))) return NO_LOCK;
    throw error;
  }
  if (lock === null) throw lockedBy(await readFile(pidPath, "utf8").catch(() => ""), runId);
  const held = lock;
  // The error of another process names it.
  await writeFile(pidPath, String(ownPid), { mode: 0o600, flag: TO_REPLACE }).catch(() => undefined);
  let isHeld = true;
  return {
    async release() {
      if (!isHeld) return;
      isHeld = false;
      await rm(pidPath, { force: true });
      // A run without a journal is nobody else's.
      if (existsSync(journalPath(runsDirectory, runId))) await held.release();
      else await removeLocked(path, () => held.release());
    },
  };
}

/** Returns false where files can't be locked. */
export async function isRunLocked({ runsDirectory, lockFile }: RunFolder, runId: string): Promise<boolean> {
  const path = lockPath(runsDirectory, runId);
  if (!existsSync(path)) return false;
  try {
    const lock = await lockFile(path);
    await lock?.release();
    return lock === null;
  } catch (error) {
    if (!isWhcbError(error)) throw error;
    return false;
  }
}

function lockedBy(pid: string, runId: string): WhcbError {
  const holder = /^\d+$/.test(pid) ? `process ${pid}` : "another process";
  return new WhcbError("unavailable", `${holder} is working on run ${runId}`, {
    hint: "Wait until it ends, or interrupt it (Ctrl-C there).",
  });
}

function lockPath(runsDirectory: string, runId: string): string {
  return join(runsDirectory, `${runId}.lock`);
}
