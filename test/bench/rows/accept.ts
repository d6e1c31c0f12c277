import { compare } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Scope } from "../run/scope.js";
import { startBenchService } from "../run/service.js";

/** One response a request, 202 only when it is on disk. */
export const accept: Bench = async (scope) => {
  const count = scope.scaled(30_000);
  const { ours, floor } = await medians(scope.settings.rounds, {
    floor: async () => {
      const { line, child } = await scope.start("accept-floor.mjs");
      const figures = await scope.measure("accept-load", { url: line, count });
      await scope.end(child);
      return figures;
    },
    ours: () => acceptedByService(scope, count),
  });
  return [compare({ measure: "accepted, against a bare 202", ours: ours?.rate, against: floor?.rate, unit: "/s", atLeast: 0.6 })];
};

async function acceptedByService(scope: Scope, count: number) {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: "http://127.0.0.1:9/hook", count: 1, failedEach: 0 });
  const { url, child } = await startBenchService(scope, { database, dispatch: false });
  const figures = await scope.measure("accept-load", { url, count });
  await scope.end(child);
  return figures;
}
