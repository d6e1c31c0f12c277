import { hostname, userInfo } from "node:os";
import type { Client } from "../client/client.js";
import type { AddressRule } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";

/** Held until released or the process dies. */
export interface FileLock {
  release(): Promise<void>;
}

export const NO_LOCK: FileLock = { release: async () => undefined };

/** null if another process has it. Throws `unavailable` if files can't be locked. */
export type LockFile = (path: string) => Promise<FileLock | null>;

/** Reading and locking stored runs needs these. */
export interface RunFolder {
  /** It is created if it is missing (0700). */
  readonly runsDirectory: string;
  readonly lockFile: LockFile;
  readonly clock: Clock;
}

export interface RunDeps extends RunFolder {
  readonly client: Client;
  readonly deliverer: Pick<Deliverer, "deliverIf">;
  /** Also of the deliverer. What it rejects without DNS is rejected before anything is sent. */
  readonly addressRule: AddressRule;
  readonly random: Random;
  /** `--resume` alone takes its latest unfinished run. */
  readonly profile: string;
  /** Left out: user@host of this process. */
  readonly who?: string;
  /** Left out: real files. */
  readonly openJournalFile?: OpenJournalFile;
}

export function whoRuns({ who }: RunDeps): string {
  if (who !== undefined) return who;
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`;
  }
}
