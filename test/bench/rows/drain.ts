import { compare } from "../run/measures.js";
import { startPostgres, startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import { sampleDelivery } from "../run/sample.js";
import type { Bench } from "../run/scope.js";

const CONCURRENCY = 64;

/** Due calls of one endpoint, every outcome durable. */
export const drain: Bench = async (scope) => {
  const url = `http://127.0.0.1:${(await scope.start("receiver")).line}/hook`;
  const redis = await startRedis(scope);
  const postgres = await startPostgres(scope);
  const { body, headers } = sampleDelivery(url);
  const common = { url, count: scope.scaled(60_000), concurrency: CONCURRENCY };
  const asPeer = { ...common, job: { body, headers } };
  const { ours, raw, bullmq, pgBoss } = await medians(scope.settings.rounds, {
    raw: () => scope.measure("raw-drain", common),
    ours: () => scope.measure("drain", { ...common, database: scope.freshFile(".db") }),
    bullmq: async () => redis.address && scope.measure("bullmq-drain.mjs", { ...asPeer, ...redis.address }),
    pgBoss: async () => postgres.address && scope.measure("pg-boss-drain.mjs", { ...asPeer, ...postgres.address }),
  });
  const rate = { ours: ours?.rate, unit: "/s" as const };
  return [
    compare({ measure: "delivered, against raw undici", ...rate, against: raw?.rate, atLeast: 0.5 }),
    compare({ measure: "delivered, against BullMQ", ...rate, against: bullmq?.rate, atLeast: 2, missing: redis.missing }),
    compare({ measure: "delivered, against pg-boss", ...rate, against: pgBoss?.rate, atLeast: 3, missing: postgres.missing }),
  ];
};
