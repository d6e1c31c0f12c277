/** pg-boss: jobs waiting in PostgreSQL, fetched and completed in batches by two loops, 64 requests at once. */
import PgBoss from "pg-boss";
import { measureRate, openDelivery } from "./delivery.mjs";

const { url, count, concurrency, connectionString, stores, job } = JSON.parse(process.argv[2]);
const LOOPS = 2;
const BATCH = 512;
const boss = new PgBoss({ connectionString, supervise: false, schedule: false, max: 4 });
boss.on("error", (error) => {
  throw error;
});
await boss.start();
const name = `drain-${process.pid}`;
await boss.createQueue(name);
for (let done = 0; done < count; done += 1_000) {
  await boss.insert(Array.from({ length: Math.min(1_000, count - done) }, () => ({ name, data: job })));
}
const delivery = openDelivery({ url, connections: concurrency });
// Autovacuum would do this by and by.
await boss.getDb().executeSql("ANALYZE");
const figures = await measureRate(count, stores, () => Promise.all(Array.from({ length: LOOPS }, work)));
await boss.stop({ graceful: false, wait: true });
await delivery.close();
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);

async function work() {
  for (;;) {
    const jobs = await boss.fetch(name, { batchSize: BATCH });
    if (jobs.length === 0) return;
    const ids = [];
    let next = 0;
    const send = async () => {
      while (next < jobs.length) {
        const { id, data } = jobs[next++];
        await delivery.deliver(data);
        ids.push(id);
      }
    };
    await Promise.all(Array.from({ length: concurrency / LOOPS }, send));
    await boss.complete(name, ids, { statusCode: 200 });
  }
}
