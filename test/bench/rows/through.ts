import { compare, limited } from "../run/measures.js";
import { type Peer, type RedisAddress, startRedis } from "../run/peers.js";
import { medians } from "../run/rounds.js";
import type { Bench, Figures, Measure, Scope, Started } from "../run/scope.js";
import { measureLoad, startBenchService } from "../run/service.js";

/** Accepting and delivering at once, one process. */
export const through: Bench = async (scope) => {
  const everySecond = await startRedis(scope, "everysec");
  const always = await startRedis(scope, "always");
  const { ours, bullmq, bullmqAlways } = await medians(scope.settings.rounds, {
    bullmq: () => throughBullmq(scope, everySecond),
    bullmqAlways: () => throughBullmq(scope, always),
    ours: () => throughService(scope),
  });
  const against = (name: string, other: Figures | null, { missing, atLeast }: Goal): Measure[] => {
    const delayed = (figure: "p50Ms" | "p99Ms") => ({
      ours: ours?.[figure],
      against: other?.[figure],
      unit: "ms" as const,
      missing,
    });
    return [
      compare({
        measure: `accepted and delivered, against ${name}`,
        ours: ours?.rate,
        against: other?.rate,
        unit: "/s",
        atLeast,
        missing,
        cpu: { ours: ours?.cpuUs, against: other?.cpuUs, atMost: 0.65 },
      }),
      compare({
        measure: `p50 from 202 to arrival at half of its own top rate, against ${name}`,
        ...delayed("p50Ms"),
        atMost: 0.6,
      }),
      compare({ measure: `p99 from 202 to arrival at half of its own top rate, against ${name}`, ...delayed("p99Ms") }),
    ];
  };
  return [
    ...against("BullMQ, Redis flushed every second", bullmq, { atLeast: 1.15, missing: everySecond.missing }),
    ...against("BullMQ, Redis flushed always", bullmqAlways, { atLeast: 1.3, missing: always.missing }),
    limited({ measure: "longest pause of the event loop at the full rate", ours: ours?.pauseMs, unit: "ms" }),
  ];
};

interface Goal {
  readonly atLeast: number;
  readonly missing: string | null;
}

export async function throughService(scope: Scope): Promise<Figures> {
  const service = await startBenchService(scope, { database: scope.freshFile(".db"), dispatch: true });
  return loaded(scope, service, service.url, []);
}

/** It is null without a Redis. */
export async function throughBullmq(scope: Scope, { address }: Peer<RedisAddress>): Promise<Figures | null> {
  if (address === null) return null;
  const server = await scope.start("bullmq-through.mjs", { ...address, concurrency: 64 });
  return loaded(scope, server, server.line, address.stores);
}

async function loaded(scope: Scope, server: Started, url: string, stores: readonly number[]): Promise<Figures> {
  const options = { url, count: scope.scaled(30_000), seconds: Math.max(1, 5 * scope.settings.scale) };
  const figures = await measureLoad(scope, server, { contender: "through-load", options, stores });
  await scope.end(server.child);
  return figures;
}
