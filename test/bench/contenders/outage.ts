/** Responses into a dead endpoint, then 24 hours of ticks in virtual time, on a database file. Run with --expose-gc. */
import { down, HOUR, Simulation } from "../../support/dispatcher/simulation.js";
import { contender } from "../run/contender.js";

const CHUNK = 1_000;

await contender<{ database: string; count: number }>(async ({ database, count }) => {
  const sim = await Simulation.open({ url: database });
  sim.endpoint = down;
  const callback = await sim.callback();
  for (let accepted = 0; accepted < count; accepted += CHUNK) {
    await sim.accept(callback, Math.min(CHUNK, count - accepted));
    await sim.settle();
  }
  const rssWaiting = rssMiB();
  await sim.runFor(24 * HOUR);
  const rssAfter = rssMiB();
  const { FAILED } = await sim.store.calls.count(callback.id);
  if (FAILED !== count) throw new Error(`${FAILED} of ${count} FAILED`);
  const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
  await sim.store.close();
  return { requests: sim.sent.length, outages: items.length, rssWaiting, rssAfter };
});

function rssMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1_048_576;
}
