import { compare } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench } from "../run/scope.js";

/** Of each in a round: a machine that is slow for some seconds slows few of them, and the median is of the others. */
const TURNS = 4;

/** Ten endpoints hang with a long queue: the other ten don't notice. */
export const badNeighbour: Bench = async (scope) => {
  const origin = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const waiting = scope.scaled(100_000);
  const seconds = Math.max(1, 5 * scope.settings.scale);
  const run = (calls: number) =>
    scope.measure("bad-neighbour", { origin, database: scope.freshFile(".db"), waiting: calls, seconds });
  const { alone, beside } = await medians(scope.settings.rounds * TURNS, { alone: () => run(0), beside: () => run(waiting) });
  const unit = "ms" as const;
  return [
    compare({
      measure: "p99 beside ten that hang, against alone",
      ours: beside?.p99Ms,
      against: alone?.p99Ms,
      unit,
      atMost: 1.2,
    }),
    compare({ measure: "median beside ten that hang, against alone", ours: beside?.p50Ms, against: alone?.p50Ms, unit }),
  ];
};
