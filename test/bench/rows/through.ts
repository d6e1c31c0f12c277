import { compare } from "../run/measures.js";
import { startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import type { Bench } from "../run/scope.js";
import { startBenchService } from "../run/service.js";

/** Accepting and delivering at once, one process. */
export const through: Bench = async (scope) => {
  const redis = await startRedis(scope);
  const load = { count: scope.scaled(30_000), seconds: Math.max(1, 5 * scope.settings.scale) };
  const { ours, bullmq } = await medians(scope.settings.rounds, {
    bullmq: async () => {
      if (redis.address === null) return null;
      const { line, child } = await scope.start("bullmq-through.mjs", { ...redis.address, concurrency: 64 });
      const figures = await scope.measure("through-load", { url: line, ...load });
      await scope.end(child);
      return figures;
    },
    ours: async () => {
      const { url, child } = await startBenchService(scope, { database: scope.freshFile(".db"), dispatch: true });
      const figures = await scope.measure("through-load", { url, ...load });
      await scope.end(child);
      return figures;
    },
  });
  const { missing } = redis;
  const delayed = { unit: "ms" as const, missing };
  return [
    compare({
      measure: "accepted and delivered, against BullMQ",
      ours: ours?.rate,
      against: bullmq?.rate,
      unit: "/s",
      atLeast: 1.5,
      missing,
    }),
    compare({ measure: "median from 202 to arrival at half of the rate", ours: ours?.p50Ms, against: bullmq?.p50Ms, ...delayed }),
    compare({ measure: "p99 from 202 to arrival at half of the rate", ours: ours?.p99Ms, against: bullmq?.p99Ms, ...delayed }),
  ];
};
