import { compare, limited } from "../run/measures.js";
import type { Bench } from "../run/scope.js";

/** Asked of the machine's clock it would take a day: time is virtual, the database is real. */
export const outage: Bench = async (scope) => {
  const options = { database: scope.freshFile(".db"), count: scope.scaled(100_000) };
  const { requests, rssWaiting, rssAfter } = await scope.measure("outage", options, { nodeOptions: ["--expose-gc"] });
  return [
    limited({ measure: "requests in 24 h to a dead endpoint", ours: requests, unit: "requests", atMost: 3_400 }),
    compare({ measure: "RSS after 24 h, against the beginning", ours: rssAfter, against: rssWaiting, unit: "MiB", atMost: 1.1 }),
  ];
};
