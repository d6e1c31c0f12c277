/** docs/contract.md, What ours adds: replays by the service. */
import type { FastifyInstance } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { shortId } from "../../platform/random.js";
import type { ReplaySelection } from "../../store/store.js";
import { isObject } from "../../wire/json/json-value.js";
import { serviceReplayToJson } from "../../wire/json/replay-json.js";
import { send } from "../requests/send-document.js";
import { checkedCallId } from "./call-routes.js";
import { type Query, readFilter, readIds } from "./query-parameters.js";
import type { CallbackPath, RouteContext } from "./route-context.js";
import { readLease } from "./run-lock-routes.js";

interface ReplayPath {
  readonly Params: { readonly id: string; readonly replayId: string };
}

export function addReplayRoutes(app: FastifyInstance, { docs, deps, lookup }: RouteContext): void {
  const { store, clock, random, policy } = deps;

  app.post<CallbackPath & { Querystring: Query }>("/callbacks/:id/replays", docs("requestReplays"), async (request, reply) => {
    const selection = readSelection(request.query);
    const callback = await lookup.find(request.params.id);
    const by = isObject(request.body) && "run" in request.body ? await readLease(request.body) : null;
    const { id, total, accepted } = await store.requestReplays(
      callback.id,
      { id: by?.run ?? shortId(random), selection, by },
      clock.now(),
    );
    if (accepted > 0) deps.onWork(callback.id, "changed");
    return send(request, reply, { kind: "call", shape: "accepted", document: { id, total, accepted }, status: 202 });
  });

  app.get<ReplayPath>("/callbacks/:id/replays/:replayId", docs("getReplay"), async (request, reply) => {
    const { id, replayId } = request.params;
    const callback = await lookup.find(id);
    const replay = isReplayId(replayId) ? await store.findReplay(callback.id, replayId) : null;
    if (replay === null) throw noReplay(replayId);
    return send(request, reply, { kind: "call", shape: "replay", document: serviceReplayToJson(replay) });
  });

  app.delete<ReplayPath>("/callbacks/:id/replays/:replayId", docs("cancelReplay"), async (request, reply) => {
    const { id, replayId } = request.params;
    const callback = await lookup.find(id);
    if (!isReplayId(replayId)) throw noReplay(replayId);
    const begunCalls = () => deps.begunCalls(callback.id);
    for (let isDone = false; !isDone; await clock.nextTurn()) {
      const cancel = { replayId, now: clock.now(), policy, random: random.fraction(), begunCalls };
      isDone = await store.cancelReplayChunk(callback.id, cancel);
      // What is prefetched is read again.
      deps.onWork(callback.id, "changed");
    }
    return reply.code(204).send();
  });
}

function readSelection(query: Query): ReplaySelection {
  const ids = readIds(query);
  const filter = readFilter(query);
  if (ids.length === 0 && Object.keys(filter).length === 0) {
    throw new WhcbError("invalid", "id is missing: name the calls to replay, or status=FAILED for all failed calls");
  }
  const { status = "FAILED" } = filter;
  if (status !== "FAILED") throw new WhcbError("invalid", "status must be FAILED: only failed calls can be replayed");
  return ids.length > 0 ? { callIds: ids.map(checkedCallId) } : { filter: { ...filter, status } };
}

/** As for the run of a lease. */
function isReplayId(replayId: string): boolean {
  return replayId.length <= 64 && !replayId.includes("\0");
}

function noReplay(replayId: string): WhcbError {
  return new WhcbError("not-found", `No replay ${replayId.slice(0, 64).replace(/\p{Cc}/gu, "?")} of this callback`);
}
