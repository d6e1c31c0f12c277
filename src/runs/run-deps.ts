import { hostname, userInfo } from "node:os";
import type { Client } from "../client/client.js";
import type { BeginWait } from "../client/wait.js";
import type { AddressRule } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { EgressProxy } from "../delivery/egress-proxy.js";
import { commandLine } from "../domain/command-line.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";

/** A lock is held until it is released or the process dies. */
export interface FileLock {
  release(): Promise<void>;
}

export const NO_LOCK: FileLock = { release: async () => undefined };

/** Returns null if another process has the lock. Throws `unavailable` if files can't be locked. */
export type LockFile = (path: string) => Promise<FileLock | null>;

/** Reading and locking stored runs needs these. */
export interface RunFolder {
  /** `runsDirectory` is created if it is missing (0700). */
  readonly runsDirectory: string;
  readonly lockFile: LockFile;
  readonly clock: Clock;
}

export interface RunDeps extends RunFolder {
  readonly client: Client;
  readonly deliverer: Pick<Deliverer, "deliverIf">;
  /** The deliverer has the same rule. What it rejects without DNS is rejected before anything is sent. */
  readonly addressRule: AddressRule;
  /** The deliverer sends through it. The default is none. */
  readonly egressProxy?: EgressProxy | null;
  readonly random: Random;
  /** `--resume` alone takes the latest unfinished run of this profile. */
  readonly profile: string;
  /** Suggested commands have these flags. The default is none. */
  readonly serviceFlags?: readonly string[];
  /** The default is user@host of this process. */
  readonly who?: string;
  /** The default reports no wait. */
  readonly beginWait?: BeginWait;
  /** The default opens real files. */
  readonly openJournalFile?: OpenJournalFile;
}

export function runnerOf({ who = systemUser() }: Pick<RunDeps, "who">): string {
  return who;
}

/** Returns the command that goes on with a run of this data folder. */
export function resumeLine(runId: string, { serviceFlags = [] }: Pick<RunDeps, "serviceFlags">): string {
  return commandLine({ command: "replay", flags: ["--resume", runId, ...serviceFlags] });
}

/** Returns user@host of this process. */
export function systemUser(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`;
  }
}
