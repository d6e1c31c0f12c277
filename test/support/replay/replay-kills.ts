/** `whcb replay` is killed again and again, resumed each time, and finished. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../../src/platform/random.js";
import type { Home, Outcome } from "../process/whcb-process.js";
import { newestJournal, replayOutage, works } from "./replay-outage.js";

export interface ReplayKillOptions {
  readonly kills: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly random: Random;
}

export interface KillFigures {
  /** The endpoint had had so many requests. */
  readonly received: number;
  /** The journal had so many outcomes and marks. */
  readonly accepted: number;
  readonly marked: number;
  /** So many became unknown with this kill, as `whcb runs show` lists them. */
  readonly unknown: number;
}

export interface ReplayKillsFigures {
  readonly kills: readonly KillFigures[];
  /** The endpoint had these calls more than once before anybody asked for it: there must be none. */
  readonly sentTwice: readonly string[];
  /** These were journaled as accepted when a kill came, and are FAILED after the last resume: there must be none. */
  readonly unmarked: readonly string[];
  /** These reached the endpoint, have no outcome in the journal, and aren't listed as unknown: there must be none. */
  readonly unlisted: readonly string[];
  readonly unknown: readonly string[];
  /** The unknown ones and no other are FAILED after the last resume. */
  readonly failedBefore: readonly string[];
  /** `--resend-unknown` has sent these again. */
  readonly resent: readonly string[];
  readonly failedAfter: readonly string[];
  /** This is what `replay --resume` to the end wrote. */
  readonly finished: Outcome;
  readonly resentOutcome: Outcome;
}

/** The last tenth of the calls is left for the resume that isn't killed. */
const SHARE_UNDER_KILLS = 0.9;
/** A kill comes up to so long after a request has arrived: the answer is on its way, is journaled, or is being marked. */
const LATEST_MS = 40;

export async function replayKills(
  home: Home,
  { kills, calls, concurrency, random }: ReplayKillOptions,
): Promise<ReplayKillsFigures> {
  const outage = await replayOutage(home, calls, () => ({ status: 200, delayMs: random.fraction() * 4 }));
  try {
    const figures: KillFigures[] = [];
    const acceptedAtKill = new Set<string>();
    let unknown: readonly string[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      const args =
        newestJournal(home) === null
          ? ["demo", "--failed", "--yes", "--wait", "--concurrency", String(concurrency)]
          : ["--resume"];
      const replaying = home.start(["replay", ...args]);
      // One in five dies while it starts, lists and plans, or reads its journal; the others while they send and mark.
      if (random.fraction() < 0.2) await delay(random.fraction() * 600);
      else {
        const share = (calls * SHARE_UNDER_KILLS * (kill - 1 + random.fraction())) / kills;
        await Promise.race([outage.hasReceived(Math.max(outage.received().length + 1, Math.round(share))), replaying.ended]);
        await delay(random.fraction() * LATEST_MS);
      }
      await replaying.stop("SIGKILL");
      const journal = newestJournal(home);
      if (journal === null) {
        figures.push({ received: outage.received().length, accepted: 0, marked: 0, unknown: 0 });
        continue;
      }
      for (const id of journal.accepted) acceptedAtKill.add(id);
      const before = unknown.length;
      unknown = await unknownCalls(home, journal.runId);
      figures.push({
        received: outage.received().length,
        accepted: journal.accepted.size,
        marked: journal.marked.size,
        unknown: unknown.length - before,
      });
    }
    const finished = await home.whcb(["replay", "--resume"]);
    const received = outage.received();
    const runId = newestJournal(home)?.runId ?? "";
    unknown = await unknownCalls(home, runId);
    const failedBefore = await outage.failedIds();
    const settled = newestJournal(home)?.accepted ?? new Set();
    const resentOutcome = await home.whcb(["replay", "--resume", "--resend-unknown"]);
    return {
      kills: figures,
      sentTwice: received.filter((id, at) => received.indexOf(id) !== at),
      unmarked: failedBefore.filter((id) => acceptedAtKill.has(id)),
      unlisted: received.filter((id) => !settled.has(id) && !unknown.includes(id)),
      unknown,
      failedBefore,
      resent: outage.received().slice(received.length),
      failedAfter: await outage.failedIds(),
      finished,
      resentOutcome,
    };
  } finally {
    await outage.close();
  }
}

export async function unknownCalls(home: Home, runId: string): Promise<readonly string[]> {
  const shown: { calls: { id: string; state: string }[] } = JSON.parse(await works(home, ["runs", "show", runId, "-o", "json"]));
  return shown.calls.filter(({ state }) => state === "unknown").map(({ id }) => id);
}
