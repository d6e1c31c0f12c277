/** What hasn't arrived is FAILED again once all runs are undone, whatever was lost, rejected, killed and resumed meanwhile (docs/runs.md). */
import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { isWhcbError, WhcbError } from "../../src/domain/errors.js";
import { discardRun, listRuns } from "../../src/runs/journal/stored-runs.js";
import type { RunSummary } from "../../src/runs/perform-run.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { discardUndone, planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { RUN_SERVICES } from "../support/client/client-services.js";
import { SEED } from "../support/dispatcher/arbitrary-commands.js";
import { removeEnd } from "../support/replay/killed-run.js";
import { openDesk } from "../support/replay/replay-desk.js";
import { seededRandom } from "../support/time/seeded-random.js";

const ROUNDS = 4;
const STEPS = 9;
/** A request marks 100. */
const CALLS = 130;
const OPTIONS = { ...DEFAULT_REPLAY_OPTIONS, maxFailures: 1_000, canary: false };
const FAULTS = ["fails", "rejects the repeat", "repeats", "is gone for a moment"] as const;

/** Returns what went wrong, with what was done. */
async function playRound(seed: number, { open }: (typeof RUN_SERVICES)[number]): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const isOneIn = (count: number): boolean => below(count) === 0;
  const log: string[] = [];
  const { client: opened, callIds, close } = await open(CALLS);
  /** The service takes so many more requests for marks before its fault, and is gone until the run has ended. */
  let takenMarks = Number.POSITIVE_INFINITY;
  let fault: (typeof FAULTS)[number] = "fails";
  let isGone = false;
  const gone = () => new WhcbError("not-found", "no such callback");
  const client: Client = {
    ...opened,
    getCallback: (id) => (isGone ? Promise.reject(gone()) : opened.getCallback(id)),
    async markCalls(callbackId, ids, status, details = {}) {
      const mark = () => opened.markCalls(callbackId, ids, status, details);
      if (takenMarks-- > 0) return mark();
      // Only a mark of SUCCESS is repeated though it may have been executed.
      const isLost = (status === "SUCCESS" || fault === "fails") && isOneIn(2);
      log.push(`  ${fault}: ${status} of ${ids.length}${isLost ? ", executed" : ""}`);
      if (isLost) await mark();
      if (fault === "fails" || details.isWanted?.(true) === false) throw new WhcbError("unavailable", "no marks now");
      if (fault === "repeats") return mark();
      if (fault === "rejects the repeat") throw new WhcbError("invalid", "no such mark");
      isGone = true;
      throw gone();
    },
  };
  const { deps, leave } = openDesk({ client, over: { random } });
  try {
    const { id: callbackId } = await opened.getCallback("demo");
    const someIds = (): readonly string[] =>
      isOneIn(2) ? callIds.filter(() => isOneIn(3)) : callIds.slice(below(CALLS)).slice(0, below(CALLS));
    const successIds = async () =>
      (await opened.findCalls(callbackId, callIds)).flatMap(({ id, status }) => (status === "SUCCESS" ? [id] : []));
    const one = <Item>(items: readonly Item[]): Item | undefined => items[below(items.length)];
    /** The process may be killed when the service has failed. */
    const interrupt = async (run: () => Promise<RunSummary>) => {
      fault = one(FAULTS) ?? "fails";
      takenMarks = isOneIn(3) ? Number.POSITIVE_INFINITY : below(3);
      const { header, error, counts } = await run().finally(() => {
        takenMarks = Number.POSITIVE_INFINITY;
        isGone = false;
      });
      const isKilled = error !== null && isOneIn(2);
      if (isKilled) removeEnd(header.runId, deps);
      return `${header.kind} ${header.runId}${isKilled ? ", killed" : ""}: ${counts.marked} marked, ${counts.toMark} to mark`;
    };
    const mark = async (status: "SUCCESS" | "FAILED") => {
      const plan = await planMarks({ callbacks: ["demo"], calls: { callIds: someIds() } }, status, deps);
      return interrupt(() => runMarks(plan, {}, deps));
    };
    const undo = async (runId: string) => {
      const plan = await planUndo(runId, deps);
      await discardUndone(plan, deps);
      if (plan.calls === 0 && plan.toDiscard === null && plan.markedBy.size === 0) return `nothing of ${runId}`;
      return `${runId} by ${await interrupt(() => runMarks(plan, {}, deps))}`;
    };
    const runs = () => listRuns(deps);
    const steps: Readonly<Record<string, () => Promise<unknown>>> = {
      "mark-success": () => mark("SUCCESS"),
      "mark-success again": () => mark("SUCCESS"),
      "mark-failed": () => mark("FAILED"),
      async reconcile() {
        const callback = await opened.getCallback("demo");
        const seen = readSeenList(`webhook-id\n${someIds().join("\n")}\n`, "UTC");
        const plan = await planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, deps);
        return interrupt(() => runReconcile(plan, OPTIONS, deps));
      },
      async replay() {
        const plan = await planReplay({ callbacks: ["demo"], calls: { callIds: someIds() }, skipRetrying: false }, deps);
        return interrupt(() => runReplay(plan, OPTIONS, deps));
      },
      async resume() {
        const run = one((await runs()).filter(({ state }) => state === "unfinished"));
        return run === undefined ? "none" : interrupt(() => resumeRun(run.runId, { resendUnknown: false }, deps));
      },
      async undo() {
        const run = one((await runs()).filter(({ kind }) => kind === "mark-success" || kind === "reconcile"));
        return run === undefined ? "none" : undo(run.runId);
      },
      async "discard an undo"() {
        const run = one((await runs()).filter(({ undoes, state }) => undoes !== undefined && state !== "discarded"));
        return run === undefined ? "none" : discardRun(deps, run.runId);
      },
    };
    const note = async (what: string, work: () => Promise<unknown>) => {
      const outcome = await work().catch((error: unknown) => {
        if (!isWhcbError(error)) throw error;
        return error.message;
      });
      log.push(`${what}: ${outcome}`);
    };
    const names = Object.keys(steps);
    for (let step = 0; step < STEPS; step++) {
      const name = one(names) ?? "undo";
      await note(name, async () => steps[name]?.());
    }
    // What a run has left, as another one has marked it since, that one's undo takes back.
    for (let pass = 0; pass < 3; pass++) {
      for (const { runId, undoes, state } of await runs()) {
        if (undoes !== undefined && state === "unfinished")
          await note(`finish ${runId}`, async () => (await resumeRun(runId, { resendUnknown: false }, deps)).counts.marked);
        else if (undoes === undefined)
          await note(`undo ${runId}`, async () => {
            const plan = await planUndo(runId, deps);
            await discardUndone(plan, deps);
            return (await runMarks(plan, {}, deps)).counts.marked;
          });
      }
    }
    const left = await successIds();
    return left.length === 0 ? [] : [`seed ${seed}`, ...log, `SUCCESS: ${left.join(" ")}`];
  } finally {
    await leave();
    await close();
  }
}

describe.each(RUN_SERVICES)("against $name", (service) => {
  it.each(Array.from({ length: ROUNDS }, (_, round) => SEED + round))("is so with the steps of seed %i", async (seed) => {
    expect(await playRound(seed, service)).toEqual([]);
  });
});
