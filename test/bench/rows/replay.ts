import { join } from "node:path";
import { DEFAULT_REPLAY_OPTIONS } from "../../../src/runs/run-options.js";
import { compare } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Measure, Scope } from "../run/scope.js";
import { startBenchService } from "../run/service.js";

/** At the default concurrency of a replay, and at the dispatcher's. */
const GOALS = [
  { concurrency: DEFAULT_REPLAY_OPTIONS.concurrency, cpuAtMost: 1.5 },
  { concurrency: 64, cpuAtMost: 1.35 },
];

export const replay: Bench = async (scope) => {
  const url = `http://127.0.0.1:${(await scope.start("receiver")).line}/hook`;
  const count = scope.scaled(10_000);
  const measures: Measure[] = [];
  for (const { concurrency, cpuAtMost } of GOALS) {
    const { ours, raw } = await medians(scope.settings.rounds, {
      raw: () => scope.measure("raw-drain", { url, count, concurrency }),
      ours: () => replayed(scope, { url, count, concurrency }),
    });
    measures.push(
      compare({
        measure: `sent, ${concurrency} at once, against raw undici`,
        ours: ours?.rate,
        against: raw?.rate,
        unit: "/s",
        atLeast: 0.6,
        cpu: { ours: ours?.cpuUs, against: raw?.cpuUs, atMost: cpuAtMost },
      }),
    );
  }
  return measures;
};

async function replayed(scope: Scope, { url, count, concurrency }: { url: string; count: number; concurrency: number }) {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url, count, failedEach: 1 });
  const service = await startBenchService(scope, { database, dispatch: false });
  const runsDirectory = join(scope.folder, "runs");
  const figures = await scope.measure("replay", { url: service.url, runsDirectory, count, concurrency });
  await scope.end(service.child);
  return figures;
}
