import type { Client } from "../client/client.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal-file.js";

/** What the use-cases work with. */
export interface RunDeps {
  readonly client: Client;
  readonly deliverer: Deliverer;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the runs' journals are (made if missing, 0700). */
  readonly runsDirectory: string;
  /** The profile's name: `--resume` alone takes the latest unfinished run of it. */
  readonly profile: string;
  /** Who does it, for the record. Left out: user@host of this process. */
  readonly who?: string;
  /** How journals are written; left out: to files. */
  readonly openJournalFile?: OpenJournalFile;
}
