import { compare, limited } from "../run/measures.js";
import { startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import type { Bench, Started } from "../run/scope.js";
import { measureLoad, startBenchService } from "../run/service.js";

/** Accepting and delivering at once, one process. */
export const through: Bench = async (scope) => {
  const redis = await startRedis(scope, "everysec");
  const load = { count: scope.scaled(30_000), seconds: Math.max(1, 5 * scope.settings.scale) };
  const loaded = async (server: Started, url: string, stores: readonly number[]) => {
    const figures = await measureLoad(scope, server, { contender: "through-load", options: { url, ...load }, stores });
    await scope.end(server.child);
    return figures;
  };
  const { ours, bullmq } = await medians(scope.settings.rounds, {
    bullmq: async () => {
      if (redis.address === null) return null;
      const server = await scope.start("bullmq-through.mjs", { ...redis.address, concurrency: 64 });
      return loaded(server, server.line, redis.address.stores);
    },
    ours: async () => {
      const service = await startBenchService(scope, { database: scope.freshFile(".db"), dispatch: true });
      return loaded(service, service.url, []);
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
      cpu: { ours: ours?.cpuUs, against: bullmq?.cpuUs },
    }),
    compare({
      measure: "p50 from 202 to arrival at half of its own top rate",
      ours: ours?.p50Ms,
      against: bullmq?.p50Ms,
      atMost: 1.2,
      ...delayed,
    }),
    compare({
      measure: "p99 from 202 to arrival at half of its own top rate",
      ours: ours?.p99Ms,
      against: bullmq?.p99Ms,
      ...delayed,
    }),
    limited({ measure: "longest pause of the event loop at the full rate", ours: ours?.pauseMs, unit: "ms" }),
  ];
};
