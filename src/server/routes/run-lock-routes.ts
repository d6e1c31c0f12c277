/** The routes are those of docs/contract.md, What ours adds: `run-lock`. */
import type { FastifyInstance } from "fastify";
import { describeHolder, type RunLease } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { lazyParts } from "../lazy-parts.js";
import { answerTo } from "../requests/error-answers.js";
import { sendJson } from "../requests/send-document.js";
import type { CallbackPath, RouteContext } from "./route-context.js";

export function addRunLockRoutes(app: FastifyInstance, { schemaFor, deps, lookup }: RouteContext): void {
  const { store, clock } = deps;

  app.get<CallbackPath>("/callbacks/:id/run-lock", schemaFor("findRunLock"), async (request, reply) => {
    const callback = await lookup.find(request.params.id);
    const held = await store.runLeases.find(callback.id, clock.now());
    if (held === null) return reply.code(204).send();
    return sendJson(reply, held);
  });

  app.put<CallbackPath>("/callbacks/:id/run-lock", schemaFor("takeRunLock"), async (request, reply) => {
    const lease = await readLease(request.body);
    const callback = await lookup.find(request.params.id);
    const held = await store.runLeases.take(callback.id, lease, clock.now());
    if (held === null) {
      deps.onWork(callback.id, "changed");
      return reply.code(204).send();
    }
    const { status, document } = answerTo(new WhcbError("locked", describeHolder(held)));
    return sendJson(reply.code(status), { ...document, ...held });
  });

  app.delete<CallbackPath>("/callbacks/:id/run-lock", schemaFor("releaseRunLock"), async (request, reply) => {
    const lease = await readLease(request.body);
    const callback = await lookup.find(request.params.id);
    await store.runLeases.release(callback.id, lease, clock.now());
    deps.onWork(callback.id, "changed");
    return reply.code(204).send();
  });
}

async function readLease(body: unknown): Promise<RunLease> {
  const { parseRunLease } = await lazyParts.callParsers();
  return parseRunLease(body);
}
