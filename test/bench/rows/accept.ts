import { compare, limited } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Figures, Scope, Started } from "../run/scope.js";
import { measureLoad, startBenchService } from "../run/service.js";

/** One response a request, 202 only when it is on disk. */
export const accept: Bench = async (scope) => {
  const { ours, hollow, bare } = await medians(scope.settings.rounds, {
    bare: async () => acceptedBy(scope, await scope.start("accept-floor.mjs")),
    hollow: async () => acceptedBy(scope, await scope.start("hollow-service")),
    ours: () => acceptedByService(scope),
  });
  const rate = { ours: ours?.rate, unit: "/s" as const };
  const cpuAgainst = (other: Figures | null) => ({ ours: ours?.cpuUs, against: other?.cpuUs });
  return [
    compare({
      measure: "accepted, against bare Fastify answering 202",
      ...rate,
      against: bare?.rate,
      atLeast: 0.5,
      cpu: { ...cpuAgainst(bare), atMost: 2.2 },
    }),
    compare({
      measure: "accepted, against the same server storing nothing",
      ...rate,
      against: hollow?.rate,
      cpu: cpuAgainst(hollow),
    }),
    limited({ measure: "longest pause of the event loop", ours: ours?.pauseMs, unit: "ms" }),
  ];
};

export async function acceptedByService(scope: Scope): Promise<Figures> {
  const database = scope.freshFile(".db");
  await scope.measure("fill", { database, url: "http://127.0.0.1:9/hook", count: 1, failedEach: 0 });
  return acceptedBy(scope, await startBenchService(scope, { database, dispatch: false }));
}

async function acceptedBy(scope: Scope, server: Started & { readonly url?: string }): Promise<Figures> {
  const figures = await measureLoad(scope, server, {
    contender: "accept-load",
    options: { url: server.url ?? server.line, count: scope.scaled(30_000) },
  });
  await scope.end(server.child);
  return figures;
}
