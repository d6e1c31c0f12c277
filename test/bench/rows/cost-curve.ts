import { type Backlog, drained } from "../run/drained.js";
import { compare, limited } from "../run/measures.js";
import { medians } from "../run/rounds.js";
import type { Bench, Measure } from "../run/scope.js";

const ENDPOINTS = [1, 10, 100, 1_000, 10_000];
/** Of all endpoints together. */
const CALLS = 60_000;
const WAITING = [1_000, 10_000, 100_000, 1_000_000];
/** Of those that wait, at most. */
const DELIVERED = 20_000;

/** What one delivered call costs by the number of endpoints, and by the number of calls that wait for one. */
export const costCurve: Bench = async (scope) => {
  const origin = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const calls = scope.scaled(CALLS);
  const delivered = scope.scaled(DELIVERED);
  const byEndpoints = ENDPOINTS.filter((callbacks) => callbacks <= calls).map(
    (callbacks): Point => ({
      name: callbacks === 1 ? "1 endpoint" : `${callbacks} endpoints`,
      backlog: { origin, callbacks, callsEach: Math.floor(calls / callbacks) },
    }),
  );
  const byWaiting = WAITING.map((count) => scope.scaled(count)).map(
    (callsEach): Point => ({
      name: `${callsEach} waiting`,
      backlog: { origin, callbacks: 1, callsEach, delivered: Math.min(callsEach, delivered) },
    }),
  );
  const points = [...byEndpoints, ...byWaiting];
  const figures = await medians(
    scope.settings.rounds,
    Object.fromEntries(points.map(({ name, backlog }) => [name, () => drained(scope, backlog)])),
  );
  const curve = (series: readonly Point[], base: Point | undefined) =>
    series.flatMap(({ name }): Measure[] => {
      const [ours, against] = [figures[name], figures[base?.name ?? ""]];
      return [
        compare({
          measure: `${name}, against ${base?.name}`,
          ours: ours?.rate,
          against: against?.rate,
          unit: "/s",
          cpu: { ours: ours?.cpuUs, against: against?.cpuUs },
        }),
        limited({ measure: `${name}: longest pause`, ours: ours?.pauseMs, unit: "ms" }),
      ];
    });
  // What starting costs isn't spread over many calls where few wait.
  return [...curve(byEndpoints, byEndpoints[0]), ...curve(byWaiting, byWaiting.at(-2))];
};

interface Point {
  readonly name: string;
  readonly backlog: Backlog;
}
