/** Work that a caller hands to the service: responses to deliver, failed calls to attempt again. */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { send } from "../requests/send-document.js";
import { checkedCallId } from "../routes/call-routes.js";
import { type Query, readFilter, readIds } from "../routes/query.js";
import type { CallbackPath, RouteContext } from "../routes/route-context.js";
import { type IntakeDeps, takeStream, takeSubmissions } from "./ingest.js";

export function addIntakeRoutes(app: FastifyInstance, { docs, deps, lookup, queue }: RouteContext): void {
  const intake: IntakeDeps = { queue, clock: deps.clock, random: deps.random };

  app.post<CallbackPath>(
    "/callbacks/:id/calls",
    { ...docs("submitCalls"), config: { takesNdjson: true } },
    async (request, reply) => {
      const callback = await lookup.findRecent(request.params.id);
      if (request.body instanceof Readable) {
        const document = await takeStream(intake, callback, request.body);
        return send(request, reply, { kind: "call", shape: "accepted", document: { ...document }, status: 202 });
      }
      const ids = await takeSubmissions(intake, callback, request.body);
      const document = { calls: ids.map((id) => ({ id })) };
      return send(request, reply, { kind: "call", shape: "calls", document, status: 202 });
    },
  );

  app.post<CallbackPath & { Querystring: Query }>("/callbacks/:id/replays", docs("requestReplays"), async (request, reply) => {
    const ids = readIds(request.query);
    const filter = readFilter(request.query);
    if (ids.length === 0 && Object.keys(filter).length === 0) {
      throw new WhcbError("invalid", "id is missing: say which calls are meant, or status=FAILED for all that failed");
    }
    if (filter.status !== undefined && filter.status !== "FAILED") {
      throw new WhcbError("invalid", "status must be FAILED: no other call is attempted again");
    }
    const callback = await lookup.find(request.params.id);
    const selection = ids.length > 0 ? { callIds: ids.map(checkedCallId) } : { filter: { ...filter, status: "FAILED" as const } };
    const accepted = await deps.store.requestReplays(callback.id, selection, deps.clock.now());
    if (accepted > 0) deps.onWork(callback.id, "changed");
    return send(request, reply, { kind: "call", shape: "accepted", document: { accepted }, status: 202 });
  });
}
