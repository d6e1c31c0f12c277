/** A replay is killed after any line of its journal, and what really left is compared with what a reader concludes (docs/runs.md). */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Delivery } from "../../src/delivery/deliverer.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { openJournalFile, readBootId } from "../../src/runs/journal/journal.js";
import { isOpen, RunState } from "../../src/runs/journal/run-state.js";
import { parseStep, type RunStep } from "../../src/runs/journal/run-step.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { ACCEPTED } from "../support/builders.js";
import { type PlatformCallback, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { openDesk } from "../support/replay/replay-desk.js";
import { seededRandom } from "../support/time/seeded-random.js";

const CALLS = 40;
const CONCURRENCY = 3;
const SESSIONS = 3;

type Fact = { readonly kind: "left"; readonly call: string } | { readonly kind: "line"; readonly step: RunStep };

/** It has what happened, in order: calls that left, and lines that reached the file. */
class Facts {
  #all: readonly Fact[] = [];

  add(fact: Fact): void {
    this.#all = [...this.#all, fact];
  }

  /** There is one history per line: the process was killed before the next one was written. */
  *histories(): Generator<readonly Fact[]> {
    for (const [at, { kind }] of this.#all.entries()) if (at > 0 && kind === "line") yield this.#all.slice(0, at);
    yield this.#all;
  }

  killAfter(history: readonly Fact[]): void {
    this.#all = history;
  }
}

const OUTCOMES = new Set(["accepted", "rejected", "deferred"]);

/** These calls left, and no outcome is in the journal since. */
function danglingCalls(history: readonly Fact[]): ReadonlySet<string> {
  const dangling = new Set<string>();
  for (const fact of history) {
    if (fact.kind === "left") dangling.add(fact.call);
    else if (OUTCOMES.has(fact.step.step) && "call" in fact.step) dangling.delete(fact.step.call);
  }
  return dangling;
}

function linesOf(history: readonly Fact[]): readonly RunStep[] {
  return history.flatMap((fact) => (fact.kind === "line" ? [fact.step] : []));
}

function stateAfter(history: readonly Fact[], bootId: string): RunState | null {
  const [first, ...steps] = linesOf(history);
  if (first?.step !== "run") return null;
  const state = new RunState(first.header);
  for (const step of steps) state.apply(step);
  state.closeSession(bootId);
  return state;
}

/** Returns what the reader gets wrong. */
function mistakesIn(history: readonly Fact[], state: RunState): readonly string[] {
  const dangling = danglingCalls(history);
  const lines = linesOf(history);
  const everLeft = new Set(history.map((fact) => (fact.kind === "left" ? fact.call : null)));
  const entries = [...state.entries()];
  const counts = state.counts();
  const mistakes: string[] = [];
  for (const entry of entries)
    if (dangling.has(entry.id) && isOpen(entry, false)) mistakes.push(`${entry.id} may have left and would be sent again`);
  const neverLeft = entries.filter((entry) => entry.state === "unknown" && !everLeft.has(entry.id)).map(({ id }) => id);
  const sessions = lines.filter(({ step }) => step === "session").length;
  if (neverLeft.length > CONCURRENCY * sessions) mistakes.push(`unknown, but never left: ${neverLeft.join(", ")}`);
  const hasSecondBegun = lines.some((line) => line.step === "sent" && line.call.startsWith("BB"));
  if (sessions === 1 && hasSecondBegun && neverLeft.some((id) => id.startsWith("AA")))
    mistakes.push(`unknown, but its sender stopped before: ${neverLeft.join(", ")}`);
  for (const name of ["left", "unknown", "accepted", "rejected"] as const)
    if (counts[name] !== entries.filter((entry) => entry.state === name).length) mistakes.push(`${name} counts ${counts[name]}`);
  const last = lines.at(-1);
  if (last?.step === "ended" && !isDeepStrictEqual(last.counts, counts))
    mistakes.push(`ended with ${JSON.stringify(last.counts)}, read as ${JSON.stringify(counts)}`);
  return mistakes;
}

/** Each session ends in one of the ways a sender can stop, is killed after one of its lines, and is resumed. */
async function mistakesOf(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const within = (most: number): number => Math.floor(random.fraction() * most);
  const callbacks: PlatformCallback[] = ["AA", "BB"].map((id) => ({
    id,
    name: id,
    url: "http://127.0.0.1:9/",
    key: "k",
    calls: platformCalls(CALLS).map((call) => ({ ...call, id: `${id}-${call.id}` })),
  }));
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const facts = new Facts();
  const interrupt = { controller: new AbortController(), afterSends: 0 };
  const disk = { fullAfterWrites: Number.POSITIVE_INFINITY };
  const endpoint = { failing: 0, pausing: 0 };
  let isLockLost = false;
  const answer = (): Delivery => {
    if (random.fraction() < endpoint.failing)
      return { result: { kind: "answered", statusCode: 500, statusMessage: "no", body: "" }, retryAfterMs: null };
    const retryAfterMs = random.fraction() < 0.1 ? 3_600_000 : 1;
    if (random.fraction() < endpoint.pausing)
      return { result: { kind: "answered", statusCode: 503, statusMessage: "no", body: "" }, retryAfterMs };
    return { result: ACCEPTED, retryAfterMs: null };
  };
  const desk = openDesk({
    transport: platform.transport(),
    over: {
      deliverer: {
        async deliverIf(maySend, { headers }) {
          const call = headers["webhook-id"] ?? "";
          if (random.fraction() < 0.005) throw new WhcbError("unavailable", "out of file descriptors");
          for (let turns = within(3); turns > 0; turns--) await turn();
          if (!maySend(0)) return null;
          facts.add({ kind: "left", call });
          if (--interrupt.afterSends === 0) interrupt.controller.abort();
          for (let turns = within(6); turns > 0; turns--) await turn();
          return answer();
        },
      },
      openJournalFile(path, at) {
        const file = openJournalFile(path, at);
        let writes = 0;
        return {
          ...file,
          write(bytes) {
            if (++writes > disk.fullAfterWrites) throw new Error("ENOSPC");
            for (const line of Buffer.from(bytes).toString("utf8").split("\n")) {
              const step = parseStep(line);
              if (step !== null) facts.add({ kind: "line", step });
            }
            return file.write(bytes);
          },
          sync: (done) =>
            void turn()
              .then(turn)
              .then(() => done(null)),
        };
      },
    },
  });
  const locks = {
    lease: { run: "RUN", holder: "ada", done: 0, total: 0 },
    maySend() {
      if (random.fraction() < 0.01) isLockLost = true;
      return !isLockLost;
    },
    async retake() {
      isLockLost = false;
    },
    reportProgress: () => undefined,
  };
  const bootId = await readBootId(systemClock);
  try {
    for (let session = 1; session <= SESSIONS; session++) {
      interrupt.controller = new AbortController();
      interrupt.afterSends = random.fraction() < 0.3 ? 1 + within(CALLS) : 0;
      disk.fullAfterWrites = random.fraction() < 0.2 ? 5 + within(CALLS) : Number.POSITIVE_INFINITY;
      endpoint.failing = [0, 0.1, 0.6][within(3)] ?? 0;
      endpoint.pausing = [0, 0.1][within(2)] ?? 0;
      isLockLost = false;
      const control = { signal: interrupt.controller.signal, locks };
      if (session === 1) {
        const options = { ...DEFAULT_REPLAY_OPTIONS, concurrency: CONCURRENCY, maxFailures: 3, mark: false };
        const serialBy = random.fraction() < 0.3 ? ("from" as const) : null;
        const plan = await planReplay({ callbacks: null, calls: { filter: {} }, skipRetrying: false }, desk.deps);
        await runReplay(plan, { ...options, ...control, serialBy, canary: random.fraction() < 0.5 }, desk.deps);
      } else {
        const [runId = ""] = readdirSync(desk.deps.runsDirectory).flatMap((name) => /^(.*)\.ndjson$/.exec(name)?.[1] ?? []);
        await resumeRun(runId, { ...control, resendUnknown: random.fraction() < 0.5 }, desk.deps);
      }
      const histories = [...facts.histories()];
      for (const history of histories) {
        const state = stateAfter(history, bootId);
        const mistakes = state === null ? [] : mistakesIn(history, state);
        if (mistakes.length > 0) return [`session ${session}, after ${JSON.stringify(linesOf(history).slice(-3))}:`, ...mistakes];
      }
      const withSession = histories.filter(
        (history) => linesOf(history).filter(({ step }) => step === "session").length === session,
      );
      const killed = withSession[within(withSession.length)] ?? [];
      facts.killAfter(killed);
      const header = linesOf(killed).find((step) => step.step === "run");
      if (header?.step !== "run") return ["no session"];
      const text = linesOf(killed).map((step) => `${JSON.stringify(step)}\n`);
      writeFileSync(join(desk.deps.runsDirectory, `${header.header.runId}.ndjson`), text.join(""));
    }
    return [];
  } finally {
    await desk.leave();
  }
}

it("killed after any line: what left without an outcome is unknown, and what never left is hardly ever", async () => {
  const holds = fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
    expect(await mistakesOf(seed)).toEqual([]);
  });
  await fc.assert(holds, { numRuns: 20, endOnFailure: true });
});
