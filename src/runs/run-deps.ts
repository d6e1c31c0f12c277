/** What a run works with, and who may interrupt it. */
import { hostname, userInfo } from "node:os";
import type { Client } from "../client/client.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";
import type { RunCounts } from "./journal/run-step.js";

/** The locks of a run's callbacks (run-locks.ts). */
export interface HeldLocks {
  /** Whether a call may be sent now. */
  maySend(callbackId: string): boolean;
  /** After a lock was lost. Throws `unavailable` if another run has it. */
  retake(callback: { readonly id: string; readonly name: string }): Promise<void>;
  /** Shown to those who wait. */
  report(counts: RunCounts): void;
}

/** A lock that a process has until it releases it or dies. */
export interface FileLock {
  release(): Promise<void>;
}

/** null if another process has it. Throws `unavailable` where files can't be locked. */
export type LockFile = (path: string) => Promise<FileLock | null>;

/** What is never written to the journal. */
export interface RunControl {
  /** First Ctrl-C: no new sends, those in flight finish, marks are flushed. */
  readonly signal?: AbortSignal;
  /** Keys of callbacks whose key the service doesn't return, by callback id. */
  readonly keys?: ReadonlyMap<string, string>;
  /** Of the run's callbacks: nothing is sent without one. Left out: the caller sees to it that no other run sends. */
  readonly locks?: HeldLocks;
}

export interface RunDeps {
  readonly client: Client;
  readonly deliverer: Deliverer;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the journals are (created if missing, 0700). */
  readonly runsDirectory: string;
  /** The profile's name: `--resume` alone takes its latest unfinished run. */
  readonly profile: string;
  /** Who does it, for the record. Left out: user@host of this process. */
  readonly who?: string;
  readonly lockFile: LockFile;
  /** Left out: real files. */
  readonly openJournalFile?: OpenJournalFile;
}

export function whoRuns({ who }: Pick<RunDeps, "who">): string {
  if (who !== undefined) return who;
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`;
  }
}
