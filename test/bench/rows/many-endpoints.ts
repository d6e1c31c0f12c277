import { drained } from "../run/drained.js";
import { compare, limited } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Scope } from "../run/scope.js";
import { measureLoad, startBenchService } from "../run/service.js";

/** Calls in all of the due ones. */
const CALLS = 60_000;
const CALLS_EACH = 6;
/** Each of two responses. */
const REQUESTS = 20_000;

/** The same work for one callback and for thousands. */
export const manyEndpoints: Bench = async (scope) => {
  const origin = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const callbacks = Math.round(scope.scaled(CALLS) / CALLS_EACH);
  const requests = scope.scaled(REQUESTS);
  const { one, many, oneGiven, manyGiven } = await medians(scope.settings.rounds, {
    one: () => drained(scope, { origin, callbacks: 1, callsEach: callbacks * CALLS_EACH }),
    many: () => drained(scope, { origin, callbacks, callsEach: CALLS_EACH }),
    oneGiven: () => handedIn(scope, origin, requests, 1),
    manyGiven: () => handedIn(scope, origin, requests, requests),
  });
  return [
    compare({
      measure: `${callbacks} callbacks with ${CALLS_EACH} due calls each, against one with all`,
      ours: many?.rate,
      against: one?.rate,
      unit: "/s",
      atLeast: 0.7,
      cpu: { ours: many?.cpuUs, against: one?.cpuUs },
    }),
    compare({
      measure: `${requests} requests of two responses, one per callback, against all for one`,
      ours: manyGiven?.rate,
      against: oneGiven?.rate,
      unit: "/s",
      atLeast: 0.7,
      cpu: { ours: manyGiven?.cpuUs, against: oneGiven?.cpuUs },
    }),
    limited({ measure: "longest pause of the first", ours: many?.pauseMs, unit: "ms" }),
    limited({ measure: "longest pause of the second", ours: manyGiven?.pauseMs, unit: "ms" }),
  ];
};

async function handedIn(scope: Scope, receiver: string, requests: number, callbacks: number) {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: `${receiver}/hook`, count: 0, failedEach: 0, copies: callbacks - 1 });
  const service = await startBenchService(scope, { database, dispatch: true });
  const options = { url: service.url, receiver, requests, callbacks };
  const figures = await measureLoad(scope, service, { contender: "many-load", options });
  await scope.end(service.child);
  return figures;
}
