/** What a run works with, and who may interrupt it. */
import type { Client } from "../client/client.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";

/** What is never written to the journal. */
export interface RunControl {
  /** First Ctrl-C: no new sends, those in flight finish, marks are flushed. */
  readonly signal?: AbortSignal;
  /** Keys of callbacks whose key the service doesn't return, by callback id. */
  readonly keys?: ReadonlyMap<string, string>;
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
  /** Left out: real files. */
  readonly openJournalFile?: OpenJournalFile;
}
