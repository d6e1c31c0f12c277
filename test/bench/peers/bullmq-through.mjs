/** BullMQ doing both in one process: Fastify adds each response as a job and answers 202, a worker delivers. Prints its URL. */
import { Queue, Worker } from "bullmq";
import Fastify from "fastify";
import { openDelivery } from "./delivery.mjs";

const { socket, concurrency } = JSON.parse(process.argv[2]);
const name = `through-${process.pid}`;
const connection = { path: socket, maxRetriesPerRequest: null };
const queue = new Queue(name, { connection });
const app = Fastify();
let delivery = null;
let headers = {};

app.post("/callbacks", (request, reply) => {
  const { url, auth } = request.body;
  delivery = openDelivery({ url, connections: concurrency });
  headers = { "content-type": "application/json", "x-whispir-callback-key": auth.key };
  reply.code(201).send({});
});
app.post("/callbacks/:id/calls", async (request, reply) => {
  const job = await queue.add("call", request.body);
  reply.code(202);
  return { calls: [{ id: job.id }] };
});
new Worker(name, ({ id, data }) => delivery.deliver({ body: JSON.stringify(data), headers: { ...headers, "webhook-id": id } }), {
  connection,
  concurrency,
});
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
