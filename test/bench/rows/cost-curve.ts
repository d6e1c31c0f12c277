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
      name: `${callbacks} endpoints, ${calls} calls in all`,
      backlog: { origin, callbacks, callsEach: Math.floor(calls / callbacks) },
    }),
  );
  const byWaiting = WAITING.map((count) => scope.scaled(count)).map(
    (callsEach): Point => ({
      name: `${callsEach} waiting for one endpoint`,
      backlog: { origin, callbacks: 1, callsEach, delivered: Math.min(callsEach, delivered) },
    }),
  );
  const points = [...byEndpoints, ...byWaiting];
  const figures = await medians(
    scope.settings.rounds,
    Object.fromEntries(points.map(({ name, backlog }) => [name, () => drained(scope, backlog)])),
  );
  const curve = (series: readonly Point[]) =>
    series.flatMap(({ name }): Measure[] => {
      const [ours, first] = [figures[name], figures[series[0]?.name ?? ""]];
      return [
        compare({
          measure: `${name}, against the first`,
          ours: ours?.rate,
          against: first?.rate,
          unit: "/s",
          cpu: { ours: ours?.cpuUs, against: first?.cpuUs },
        }),
        limited({ measure: `${name}: longest pause`, ours: ours?.pauseMs, unit: "ms" }),
      ];
    });
  return [...curve(byEndpoints), ...curve(byWaiting)];
};

interface Point {
  readonly name: string;
  readonly backlog: Backlog;
}
