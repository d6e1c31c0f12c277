import { compare, limited } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench } from "../run/scope.js";
import { measureLoad, startBenchService } from "../run/service.js";

/** Responses as NDJSON over HTTP: read, checked, stored. */
export const bulkAccept: Bench = async (scope) => {
  const count = scope.scaled(100_000);
  const { ours, floor } = await medians(scope.settings.rounds, {
    floor: () => scope.measure("bulk-floor", { database: scope.freshFile(".db"), count }),
    ours: async () => {
      const database = scope.freshFile(".db");
      await scope.measure("fill", { database, url: "http://127.0.0.1:9/hook", count: 1, failedEach: 0 });
      const service = await startBenchService(scope, { database, dispatch: false });
      const options = { url: service.url, count };
      const figures = await measureLoad(scope, service, { contender: "bulk-load", options });
      await scope.end(service.child);
      return figures;
    },
  });
  return [
    compare({
      measure: "accepted as NDJSON, against multi-row inserts",
      ours: ours?.rate,
      against: floor?.rate,
      unit: "/s",
      atLeast: 0.9,
      cpu: { ours: ours?.cpuUs, against: floor?.cpuUs },
    }),
    limited({ measure: "longest pause of the event loop", ours: ours?.pauseMs, unit: "ms" }),
  ];
};
