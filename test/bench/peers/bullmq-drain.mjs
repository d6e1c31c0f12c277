/** BullMQ: jobs waiting in Redis, one worker with 64 at once, results kept. */
import { Queue, Worker } from "bullmq";
import { measureRate, openDelivery } from "./delivery.mjs";

const { url, count, concurrency, socket, stores, job } = JSON.parse(process.argv[2]);
const name = `drain-${process.pid}`;
const connection = { path: socket, maxRetriesPerRequest: null };
const queue = new Queue(name, { connection });
for (let done = 0; done < count; done += 1_000) {
  const jobs = Array.from({ length: Math.min(1_000, count - done) }, () => ({ name: "call", data: job }));
  await queue.addBulk(jobs);
}
const delivery = openDelivery({ url, connections: concurrency });
let left = count;
let onDone = () => {};
const done = new Promise((resolve) => {
  onDone = resolve;
});
const worker = new Worker(name, ({ data }) => delivery.deliver(data), { connection, concurrency, autorun: false });
worker.on("completed", () => {
  left -= 1;
  if (left === 0) onDone();
});
worker.on("failed", (_job, error) => {
  throw error;
});
const figures = await measureRate(count, stores, async () => {
  worker.run();
  await done;
});
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
await delivery.close();
process.stdout.write(`${JSON.stringify(figures)}\n`);
