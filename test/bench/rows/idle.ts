import { setTimeout as delay } from "node:timers/promises";
import { turnEndpoint } from "../run/arrivals.js";
import { limited } from "../run/measures.js";
import type { Bench } from "../run/scope.js";
import { startBenchService, untilGauge } from "../run/service.js";

/** Failures of so many take an endpoint down. */
const CALLS_EACH = 10;
/** A minute, in which the waiting calls of each outage are counted once. No retry round is due yet. */
const IDLE_MS = 60_000;
const TIMES = 10;

/** Nothing to do for many callbacks, of which a tenth has an open outage; then another process changes one, or all. */
export const idle: Bench = async (scope) => {
  const receiver = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const callbacks = scope.scaled(10_000);
  const outages = Math.round(callbacks / 10);
  const database = scope.freshFile(".db");
  const more = { callbacks: outages, calls: CALLS_EACH };
  await scope.measure("fill", { database, url: `${receiver}/hook`, count: 0, failedEach: 0, copies: callbacks - 1, more });
  await turnEndpoint(receiver, "down");
  const service = await startBenchService(scope, { database, dispatch: true });
  await untilGauge(service, "whcb_outages_open", outages);
  await untilGauge(service, "whcb_calls_waiting", 0);
  await untilGauge(service, "whcb_mails_owed", 0);
  await turnEndpoint(receiver, "up");

  service.probe.begin({ quietly: true });
  const began = performance.now();
  await delay(IDLE_MS * Math.min(1, scope.settings.scale));
  const { cpuMs } = await service.probe.end();
  const cpu = (cpuMs / (performance.now() - began)) * 100;

  const measures = [
    limited({ measure: `CPU of ${callbacks} callbacks, ${outages} with an open outage`, ours: cpu, unit: "%", atMost: 0.5 }),
  ];
  for (const changed of [1, callbacks]) {
    service.probe.begin();
    const options = { database, receiver, changed, callbacks, times: TIMES };
    const { noticedMs } = await scope.measure("change-callbacks", options);
    const { pauseMs } = await service.probe.end();
    const what = `${changed} changed by another process, ${TIMES} times`;
    measures.push(
      limited({ measure: `${what}: longest until noticed`, ours: noticedMs, unit: "ms", atMost: 1_000 }),
      limited({ measure: `${what}: longest pause`, ours: pauseMs, unit: "ms", atMost: 20 }),
    );
  }
  return measures;
};
