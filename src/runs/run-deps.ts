import { hostname, userInfo } from "node:os";
import type { Client } from "../client/client.js";
import type { AddressRule } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { RunLease } from "../domain/callback.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";
import type { RunCounts } from "./journal/run-step.js";

/** Of a run and its callbacks. */
export interface HeldLocks {
  readonly lease: RunLease;
  maySend(callbackId: string): boolean;
  /** Retakes a lost lock. Throws `unavailable` if another run has it. */
  retake(callback: { readonly id: string; readonly name: string }): Promise<void>;
  /** Shown to waiting runs. */
  report(counts: RunCounts): void;
}

/** Held until released or the process dies. */
export interface FileLock {
  release(): Promise<void>;
}

/** null if another process has it. Throws `unavailable` if files can't be locked. */
export type LockFile = (path: string) => Promise<FileLock | null>;

/** Never written to the journal. */
export interface RunControl {
  /** First Ctrl-C: no new sends; those in flight finish, marks are flushed. */
  readonly signal?: AbortSignal;
  /** By callback id, for keys that the service doesn't return. */
  readonly keys?: ReadonlyMap<string, string>;
  /** `--via service`: the run lasts until the service has made its attempts. */
  readonly followsService?: boolean;
  /** Of a resumed run: the receiver may see those twice. */
  readonly resendUnknown?: boolean;
  /** Nothing is sent without one. Left out: the caller excludes other runs. */
  readonly locks?: HeldLocks;
}

export interface RunDeps {
  readonly client: Client;
  readonly deliverer: Pick<Deliverer, "deliverIf">;
  /** Also of the deliverer. What it rejects without DNS is rejected before anything is sent. */
  readonly addressRule: AddressRule;
  readonly clock: Clock;
  readonly random: Random;
  /** Created if missing (0700). */
  readonly runsDirectory: string;
  /** `--resume` alone takes its latest unfinished run. */
  readonly profile: string;
  /** Left out: user@host of this process. */
  readonly who?: string;
  readonly lockFile: LockFile;
  /** Left out: real files. */
  readonly openJournalFile?: OpenJournalFile;
}

/** What reading and locking stored runs needs. */
export type RunFolder = Pick<RunDeps, "runsDirectory" | "lockFile" | "clock">;

export function whoRuns({ who }: Pick<RunDeps, "who">): string {
  if (who !== undefined) return who;
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`;
  }
}
