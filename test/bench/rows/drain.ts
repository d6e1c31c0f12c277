import { compare, limited } from "../run/measures.js";
import { startPostgres, startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import { sampleDelivery } from "../run/sample.js";
import type { Bench, Figures } from "../run/scope.js";

const CONCURRENCY = 64;

/** Due calls of one endpoint, every outcome durable. */
export const drain: Bench = async (scope) => {
  const url = `http://127.0.0.1:${(await scope.start("receiver")).line}/hook`;
  const everySecond = await startRedis(scope, "everysec");
  const always = await startRedis(scope, "always");
  const postgres = await startPostgres(scope);
  const { body, headers } = sampleDelivery(url);
  const common = { url, count: scope.scaled(60_000), concurrency: CONCURRENCY };
  const asPeer = { ...common, job: { body, headers } };
  const { ours, raw, bullmq, bullmqAlways, pgBoss, graphileWorker } = await medians(scope.settings.rounds, {
    raw: () => scope.measure("raw-drain", common),
    ours: () => scope.measure("drain", { ...common, database: scope.freshFile(".db") }),
    bullmq: async () => everySecond.address && scope.measure("bullmq-drain.mjs", { ...asPeer, ...everySecond.address }),
    bullmqAlways: async () => always.address && scope.measure("bullmq-drain.mjs", { ...asPeer, ...always.address }),
    pgBoss: async () => postgres.address && scope.measure("pg-boss-drain.mjs", { ...asPeer, ...postgres.address }),
    graphileWorker: async () =>
      postgres.address && scope.measure("graphile-worker-drain.mjs", { ...asPeer, ...postgres.address }),
  });
  const against = (measure: string, other: Figures | null, goal: Goal) =>
    compare({
      measure: `delivered, against ${measure}`,
      ours: ours?.rate,
      against: other?.rate,
      unit: "/s",
      atLeast: goal.rate,
      ...(goal.missing && { missing: goal.missing }),
      cpu: { ours: ours?.cpuUs, against: other?.cpuUs, ...(goal.cpu && { atMost: goal.cpu }) },
    });
  return [
    against("raw undici", raw, { rate: 0.52, cpu: 2 }),
    against("BullMQ, Redis flushed every second", bullmq, { rate: 1.8, missing: everySecond.missing }),
    against("BullMQ, Redis flushed always", bullmqAlways, { rate: 2.1, missing: always.missing }),
    against("pg-boss", pgBoss, { rate: 2.1, missing: postgres.missing }),
    against("graphile-worker", graphileWorker, { rate: 1, missing: postgres.missing }),
    limited({ measure: "longest pause of the event loop", ours: ours?.pauseMs, unit: "ms" }),
  ];
};

interface Goal {
  readonly rate: number;
  readonly cpu?: number;
  readonly missing?: string | null;
}
