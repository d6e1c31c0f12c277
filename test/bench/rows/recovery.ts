import { setTimeout as delay } from "node:timers/promises";
import { readArrivals, turnEndpoint } from "../run/arrivals.js";
import { compare, limited } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Figures, Scope } from "../run/scope.js";
import { startBenchService, untilGauge } from "../run/service.js";

/** In a row: the endpoint is down. */
const FAILURES = 10;

/** Calls held for a dead endpoint, from the first that it accepts again to the last. */
export const recovery: Bench = async (scope) => {
  const receiver = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const url = `${receiver}/hook`;
  const count = scope.scaled(60_000);
  const raw = () => scope.measure("raw-drain", { url, count, concurrency: 64 });
  const { before, ours, after } = await medians(scope.settings.rounds, {
    before: raw,
    ours: () => recovered(scope, receiver, count),
    after: raw,
  });
  const mean = (figure: string) => ((before?.[figure] ?? Number.NaN) + (after?.[figure] ?? Number.NaN)) / 2;
  return [
    compare({
      measure: "delivered once the endpoint is back, against raw undici before and after",
      ours: ours?.rate,
      against: mean("rate"),
      unit: "/s",
      atLeast: 0.42,
      cpu: { ours: ours?.cpuUs, against: mean("cpuUs"), atMost: 2.5 },
    }),
    limited({ measure: "longest pause of the event loop", ours: ours?.pauseMs, unit: "ms" }),
  ];
};

async function recovered(scope: Scope, receiver: string, count: number): Promise<Figures> {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: `${receiver}/hook`, count, failedEach: 0 });
  await turnEndpoint(receiver, "down");
  const service = await startBenchService(scope, { database, dispatch: true });
  await untilGauge(service, "whcb_calls_waiting", 0);
  service.probe.begin();
  const { rejected } = await turnEndpoint(receiver, "up");
  if (rejected < FAILURES) throw new Error(`${rejected} calls were rejected: the endpoint isn't down`);
  // Those wait for an interval of their own; a probe finds the endpoint up, and the rest follows.
  const held = count - rejected;
  let arrivals = await readArrivals(receiver);
  while (arrivals.accepted < held) {
    await delay(20);
    arrivals = await readArrivals(receiver);
  }
  const { cpuMs, pauseMs } = await service.probe.end();
  await scope.end(service.child);
  return { rate: (held / arrivals.ms) * 1_000, cpuUs: (cpuMs / held) * 1_000, pauseMs };
}
