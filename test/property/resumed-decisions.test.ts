/** What has arrived is marked by --resume, and what a user has decided stays, whatever other runs were made, killed and undone meanwhile (docs/runs.md). */
import { expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { isWhcbError, WhcbError } from "../../src/domain/errors.js";
import type { RunSummary } from "../../src/runs/perform-run.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { discardUndone, planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { findStates } from "../../src/runs/settled-calls.js";
import { aResponse } from "../support/builders.js";
import { clientOver, injectTransport } from "../support/client/client-services.js";
import { SEED } from "../support/dispatcher/arbitrary-commands.js";
import { removeEnd } from "../support/replay/killed-run.js";
import { countingEndpoint, type EndpointAnswer, openDesk } from "../support/replay/replay-desk.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../support/server/server-fixture.js";
import { seededRandom } from "../support/time/seeded-random.js";

const ROUNDS = 12;
const STEPS = 8;
/** A request marks 100. */
const IDS = Array.from({ length: 130 }, (_, index) => `order-${index}`);
const FIRST_STEPS = ["replay", "reconcile"] as const;
const ALL_STEPS = [
  ...FIRST_STEPS,
  ...(["mark-success", "mark-success", "mark-failed", "undo", "undo", "undo", "SUCCESS by a user", "FAILED by a user"] as const),
];
const OPTIONS = { ...DEFAULT_REPLAY_OPTIONS, maxFailures: 1_000, canary: false };

/** What is known of a call. */
class Truth {
  #isAccepted = false;
  #isDecided = false;
  /** An undo may have taken back a mark that was made after the decision. */
  #mayBeForgotten = false;
  readonly #lists = new Set<string>();
  readonly #listsSince = new Set<string>();

  /** A user, or an undo, may have made it FAILED. */
  wasTouched = false;

  get hasArrived(): boolean {
    return this.#isAccepted || this.#lists.size > 0;
  }

  /** A user, or mark-failed, has made it FAILED since it was accepted, and no list has had it since. */
  get isDecided(): boolean {
    return this.#isDecided && this.#listsSince.size === 0;
  }

  get mustStay(): boolean {
    return this.isDecided && !this.#mayBeForgotten;
  }

  accept(): void {
    this.#isAccepted = true;
    this.#isDecided = false;
  }

  addList(runId: string): void {
    this.#lists.add(runId);
    this.#listsSince.add(runId);
  }

  decide(): void {
    this.wasTouched = true;
    this.#isDecided = true;
    this.#mayBeForgotten = false;
    this.#listsSince.clear();
  }

  undo(runId: string): void {
    this.wasTouched = true;
    this.#lists.delete(runId);
    this.#listsSince.delete(runId);
    this.#mayBeForgotten = true;
  }
}

/** Returns what went wrong, with what was done. */
async function playRound(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const isOneIn = (count: number): boolean => below(count) === 0;
  const truths = new Map(IDS.map((id) => [id, new Truth()]));
  const truthOf = (id: string): Truth => truths.get(id) ?? new Truth();
  const [log, problems]: [string[], string[]] = [[], []];
  const result = (): readonly string[] => (problems.length === 0 ? [] : [`seed ${seed}`, ...log, ...problems]);

  const answer = (id: string): EndpointAnswer => {
    // What was made FAILED before isn't told from what is since, if the run sends it twice.
    if (isOneIn(5)) return { status: 503, headers: isOneIn(2) && !truthOf(id).wasTouched ? { "retry-after": "0" } : {} };
    if (truthOf(id).hasArrived && !truthOf(id).isDecided) problems.push(`${id} was sent, though it had arrived`);
    truthOf(id).accept();
    return { status: 200 };
  };
  const endpoint = await countingEndpoint(answer);
  const service = await openService();
  const opened = clientOver(injectTransport(service.app));
  /** The service takes so many more requests for marks. The answer of the next one may be lost. */
  let takenMarks = Number.POSITIVE_INFINITY;
  const client: Client = {
    ...opened,
    async markCalls(...parameters) {
      if (takenMarks-- > 0) return opened.markCalls(...parameters);
      if (isOneIn(2)) await opened.markCalls(...parameters);
      throw new WhcbError("unavailable", "no marks now");
    },
  };
  const { deps, leave } = openDesk({ client, over: { random } });
  try {
    const { id: callbackId } = await client.createCallback({ ...CALLBACK_SETTINGS, url: endpoint.url });
    await client.submitCalls(
      callbackId,
      IDS.map((id) => ({ id, response: aResponse({ messageId: id }) })),
    );
    const waiting = await pendingCalls(service.store, callbackId);
    await recordAttempts(service.store, waiting, () => ({ result: BUSY, startedAt: Date.now() - 60_000 }));

    const someIds = (): readonly string[] =>
      isOneIn(2) ? IDS.filter(() => isOneIn(3)) : IDS.slice(below(IDS.length)).slice(0, below(IDS.length));
    const chunksOf = (ids: readonly string[]) => [ids.slice(0, 100), ids.slice(100)].filter(({ length }) => length > 0);
    const readStatuses = async () => {
      const states = await Promise.all(chunksOf(IDS).map((ids) => findStates(callbackId, ids, opened)));
      return new Map(states.flatMap((found) => [...found].map(([id, { status }]) => [id, status] as const)));
    };
    const markByUser = async (status: "SUCCESS" | "FAILED") => {
      for (const ids of chunksOf(someIds())) await opened.markCalls(callbackId, ids, status, { by: "user" });
    };
    const mark = async (status: "SUCCESS" | "FAILED") => {
      const plan = await planMarks({ callbacks: ["demo"], calls: { callIds: someIds() } }, status, deps);
      return (await runMarks(plan, {}, deps)).header.runId;
    };
    const decide = async (work: () => Promise<unknown>) => {
      const before = await readStatuses();
      await work();
      for (const [id, status] of await readStatuses())
        if (before.get(id) === "SUCCESS" && status === "FAILED") truthOf(id).decide();
    };
    const [toUndo, toResume]: [string[], string[]] = [[], []];
    /** The process may be killed when the service has failed. */
    const interrupt = async (run: () => Promise<RunSummary>) => {
      takenMarks = below(3);
      const { header, error } = await run().finally(() => (takenMarks = Number.POSITIVE_INFINITY));
      if (error !== null && isOneIn(2)) removeEnd(header.runId, deps);
      toResume.push(header.runId);
      return header.runId;
    };
    const atReceiver = new Set(IDS.filter(() => isOneIn(3)));
    const steps: Readonly<Record<(typeof ALL_STEPS)[number], () => Promise<unknown>>> = {
      "SUCCESS by a user": () => markByUser("SUCCESS"),
      "FAILED by a user": () => decide(() => markByUser("FAILED")),
      "mark-failed": () => decide(() => mark("FAILED")),
      "mark-success": async () => void toUndo.push(await mark("SUCCESS")),
      async undo() {
        const [runId] = toUndo.splice(below(toUndo.length), 1);
        if (runId === undefined) return "nothing";
        const plan = await planUndo(runId, deps);
        await discardUndone(plan, deps);
        if (plan.calls === 0 && plan.toDiscard === null && plan.markedBy.size === 0) return `nothing of ${runId}`;
        await runMarks(plan, {}, deps);
        for (const truth of truths.values()) truth.undo(runId);
        return runId;
      },
      async replay() {
        const plan = await planReplay({ callbacks: ["demo"], calls: { callIds: someIds() }, skipRetrying: false }, deps);
        return interrupt(() => runReplay(plan, OPTIONS, deps));
      },
      async reconcile() {
        for (const id of IDS) if (isOneIn(10)) atReceiver.add(id);
        // The receiver has what its endpoint has accepted.
        const listed = [...new Set([...atReceiver, ...endpoint.received.filter((id) => truthOf(id).hasArrived)])];
        const seen = readSeenList(`webhook-id\n${listed.join("\n")}\n`, "UTC");
        const callback = await client.getCallback("demo");
        const plan = await planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, deps);
        for (const id of plan.seen) truthOf(id).addList(plan.replay.runId);
        const runId = await interrupt(() => runReconcile(plan, OPTIONS, deps));
        toUndo.push(runId);
        return runId;
      },
    };
    const note = async (what: string, work: () => Promise<unknown>) => {
      const outcome = await work().catch((error: unknown) => {
        if (!isWhcbError(error)) throw error;
        return error.message;
      });
      log.push(`${what}: ${outcome ?? "done"}`);
    };
    for (let step = 0; step < STEPS; step++) {
      const possible = step === 0 ? FIRST_STEPS : ALL_STEPS;
      const name = possible[below(possible.length)] ?? "undo";
      await note(name, steps[name]);
    }
    for (const runId of toResume) {
      const before = await readStatuses();
      let isKnown = true;
      await note(`resume ${runId}`, async () => {
        const { counts, error } = await resumeRun(runId, { resendUnknown: false }, deps);
        isKnown = error?.code !== "unavailable";
        return JSON.stringify({ ...counts, error: error?.message });
      });
      // It does nothing until a minute after its last request, for which no round waits.
      if (!isKnown) return result();
      for (const [id, status] of await readStatuses()) {
        if (status !== "SUCCESS" || before.get(id) === "SUCCESS") continue;
        if (!truthOf(id).hasArrived) problems.push(`${id} was marked by ${runId}, though it hasn't arrived`);
        if (truthOf(id).mustStay) problems.push(`${id} was marked by ${runId}, though a user has made it FAILED`);
      }
    }
    for (const [id, status] of await readStatuses())
      if (truthOf(id).hasArrived && !truthOf(id).isDecided && status !== "SUCCESS")
        problems.push(`${id} has arrived, and isn't marked`);
    return result();
  } finally {
    await leave();
    await closeService(service);
    await endpoint.close();
  }
}

it.each(Array.from({ length: ROUNDS }, (_, round) => SEED + round))("is so with the steps of seed %i", async (seed) => {
  expect(await playRound(seed)).toEqual([]);
});
