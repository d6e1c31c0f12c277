import { compare } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Scope } from "../run/scope.js";
import { startBenchService } from "../run/service.js";

/** One response a request, 202 only when it is on disk. */
export const accept: Bench = async (scope) => {
  const count = scope.scaled(30_000);
  const { ours, hollow, bare } = await medians(scope.settings.rounds, {
    bare: () => acceptedBy(scope, "accept-floor.mjs", count),
    hollow: () => acceptedBy(scope, "hollow-service", count),
    ours: () => acceptedByService(scope, count),
  });
  const rate = { ours: ours?.rate, unit: "/s" as const };
  return [
    compare({ measure: "accepted, against the same server storing nothing", ...rate, against: hollow?.rate, atLeast: 0.6 }),
    compare({ measure: "accepted, against bare Fastify answering 202", ...rate, against: bare?.rate }),
  ];
};

async function acceptedBy(scope: Scope, server: string, count: number) {
  const { line, child } = await scope.start(server);
  const figures = await scope.measure("accept-load", { url: line, count });
  await scope.end(child);
  return figures;
}

async function acceptedByService(scope: Scope, count: number) {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: "http://127.0.0.1:9/hook", count: 1, failedEach: 0 });
  const { url, child } = await startBenchService(scope, { database, dispatch: false });
  const figures = await scope.measure("accept-load", { url, count });
  await scope.end(child);
  return figures;
}
