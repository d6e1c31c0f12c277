/** What a run is given: how it sends, who may interrupt it, and what it works with. */
import type { Client } from "../client/client.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { OpenJournalFile } from "./journal/journal.js";

export interface ReplayOptions {
  /** Requests to one endpoint at once. */
  readonly concurrency: number;
  /** Requests to one endpoint in any second, at most; null: no limit. */
  readonly rate: number | null;
  /** Send one call first; if it fails, nothing else of that callback is sent. */
  readonly canary: boolean;
  /** Stop after this many failures in a row. */
  readonly maxFailures: number;
  /** Never two of one sender, or of one message, at once, and none after one of them was rejected. */
  readonly serialBy: "from" | "message" | null;
  /** Send to this URL instead of the callbacks' own. */
  readonly to: string | null;
  /** With `to`: send the callback's auth too. */
  readonly withAuth: boolean;
  /** Mark what was accepted. Meant to be false with `to`, unless the user asks for it. */
  readonly mark: boolean;
  /** Ask the service to attempt the calls itself; the other options are then unused. */
  readonly viaService: boolean;
  /** The name of the query parameter of `queryparam` auth; left out: the wire's default. */
  readonly authParameter?: string;
}

export const DEFAULT_REPLAY_OPTIONS: ReplayOptions = {
  concurrency: 8,
  rate: null,
  canary: true,
  maxFailures: 10,
  serialBy: null,
  to: null,
  withAuth: false,
  mark: true,
  viaService: false,
};

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
