/** The routes are those of docs/contract.md, What ours adds: replays by the service. */
import type { FastifyInstance } from "fastify";
import type { ReplaySelection } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { serviceReplayToJson } from "../../wire/json/replay-json.js";
import { authorOf } from "../auth/author.js";
import { lazyParts } from "../lazy-parts.js";
import { sendDocument } from "../requests/send-document.js";
import { cancelReplay, findReplay, requestReplay } from "../use-cases/settle-calls.js";
import { type Query, readFilter, readIds, rejectUnknown } from "./query-parameters.js";
import type { CallbackPath, ReplayPath, RouteContext } from "./route-context.js";

export function addReplayRoutes(app: FastifyInstance, { schemaFor, deps, lookup }: RouteContext): void {
  app.post<CallbackPath>("/callbacks/:id/replays", schemaFor("requestReplays"), async (request, reply) => {
    const selection = readSelection(request.query);
    const callback = await lookup.find(request.params.id);
    const by = (await lazyParts.callParsers()).parseReplayRun(request.body);
    const { id, total, accepted } = await requestReplay(deps, callback, {
      selection,
      by,
      author: authorOf(request, deps),
    });
    return sendDocument(request, reply, { kind: "call", shape: "accepted", document: { id, total, accepted }, status: 202 });
  });

  app.get<ReplayPath>("/callbacks/:id/replays/:replayId", schemaFor("getReplay"), async (request, reply) => {
    const { id, replayId } = request.params;
    const replay = await findReplay(deps, await lookup.find(id), replayId);
    return sendDocument(request, reply, { kind: "call", shape: "replay", document: serviceReplayToJson(replay) });
  });

  app.delete<ReplayPath>("/callbacks/:id/replays/:replayId", schemaFor("cancelReplay"), async (request, reply) => {
    const { id, replayId } = request.params;
    await cancelReplay(deps, await lookup.find(id), replayId, authorOf(request, deps));
    return reply.code(204).send();
  });
}

function readSelection(query: Query): ReplaySelection {
  rejectUnknown(query);
  const ids = readIds(query);
  const filter = readFilter(query);
  if (ids.length === 0 && Object.keys(filter).length === 0) {
    throw new WhcbError("invalid", "id is missing: name the calls to replay, or status=FAILED for all failed calls");
  }
  const { status = "FAILED", ...narrowing } = filter;
  if (status !== "FAILED") throw new WhcbError("invalid", "status must be FAILED: only failed calls can be replayed");
  if (ids.length > 0 && Object.keys(narrowing).length > 0) throw new WhcbError("invalid", "id and a filter can't be combined");
  return ids.length > 0 ? { callIds: ids } : { filter: { ...filter, status } };
}
