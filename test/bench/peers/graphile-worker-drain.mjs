/** graphile-worker: jobs waiting in PostgreSQL, fetched and completed in batches, 64 at once. It deletes what it has completed. */
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";
import { measureRate, openDelivery } from "./delivery.mjs";

const { url, count, concurrency, connectionString, stores, job } = JSON.parse(process.argv[2]);
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
for (let done = 0; done < count; done += 1_000) {
  await utils.addJobs(Array.from({ length: Math.min(1_000, count - done) }, () => ({ identifier: "call", payload: job })));
}
// Autovacuum would do this by and by.
await utils.withPgClient((client) => client.query("ANALYZE"));
const delivery = openDelivery({ url, connections: concurrency });
// The batches are those of the benchmark in its documentation, which advises so many connections.
const worker = {
  concurrentJobs: concurrency,
  maxPoolSize: concurrency + 2,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
let delivered = 0;
const call = async (payload) => {
  await delivery.deliver(payload);
  delivered += 1;
};
const figures = await measureRate(count, stores, () => runOnce({ connectionString, logger, preset: { worker } }, { call }));
if (delivered !== count) throw new Error(`${delivered} of ${count} delivered`);
await utils.release();
await delivery.close();
process.stdout.write(`${JSON.stringify(figures)}\n`);
