/** The floor of accepting: Fastify that reads the JSON and answers 202, with nothing behind it. Prints its URL. */
import Fastify from "fastify";

const app = Fastify();
let calls = 0;
app.post("/callbacks/:id/calls", (_request, reply) => {
  calls += 1;
  reply.code(202).send({ calls: [{ id: String(calls).padStart(32, "0") }] });
});
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
