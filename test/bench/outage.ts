/**
 * The outage bench: 100 000 responses into a dead endpoint, then 24 hours of ticks in virtual time, on a database file.
 * Goal: at most 3 400 requests, and memory that doesn't grow. By hand, from the root of the repository:
 *
 *   npx esbuild test/bench/outage.ts --bundle --format=esm --platform=node --packages=external --outfile=dist/bench/outage.js
 *   node --expose-gc dist/bench/outage.js [responses]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DAY, down, HOUR, Simulation } from "../support/simulation.js";

const GOAL = 3_400;
const CHUNK = 1_000;
const responses = Number(process.argv[2] ?? 100_000);

const rssMb = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 1_048_576);
};
const directory = await mkdtemp(join(tmpdir(), "whcb-outage-"));
const tell = (text: string) => process.stdout.write(`${text}\n`);

try {
  const sim = await Simulation.open({ url: join(directory, "outage.db") });
  sim.endpoint = down;
  const callback = await sim.callback();
  const began = performance.now();
  tell(`RSS with nothing waiting: ${rssMb()} MB`);
  for (let accepted = 0; accepted < responses; accepted += CHUNK) {
    await sim.accept(callback, Math.min(CHUNK, responses - accepted));
    await sim.settle();
  }
  tell(`RSS with ${responses} waiting: ${rssMb()} MB, ${Math.round(performance.now() - began)} ms`);
  for (let hour = 6; hour <= 24; hour += 6) {
    await sim.runFor(6 * HOUR);
    tell(`after ${hour} h: ${sim.sent.length} requests, RSS ${rssMb()} MB, ${Math.round(performance.now() - began)} ms`);
  }
  const atTheEnd = sim.sent.length;
  await sim.runFor(DAY);
  const { items } = await sim.store.listOutages({ limit: 100, offset: 0 });
  const counts = await sim.store.countCalls(callback.id);
  tell(`a day later: ${sim.sent.length - atTheEnd} more requests, ${items.length} outage, calls ${JSON.stringify(counts)}`);
  tell(`${atTheEnd <= GOAL ? "ok" : "FAILED"}: ${atTheEnd} requests, goal ${GOAL}`);
  await sim.store.close();
} finally {
  await rm(directory, { recursive: true });
}
