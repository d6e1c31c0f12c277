/** The answer is described in docs/contract.md, What ours adds: groupBy. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { GROUP_KEYS, type GroupKey, isGroupKey } from "../../domain/call-groups.js";
import { WhcbError } from "../../domain/errors.js";
import { retryUntil } from "../../domain/retry-policy.js";
import { GROUPS_BYTES } from "../../store/calls/group-calls.js";
import { groupsToJson } from "../../wire/json/group-json.js";
import { roomToRead, scanInTurn } from "../requests/read-slots.js";
import { sendDocument } from "../requests/send-document.js";
import { keptParameters } from "./list-answer.js";
import { type Query, readFilter, readParameter } from "./query-parameters.js";
import { Linker } from "./resource-links.js";
import type { CallbackPath, RouteContext } from "./route-context.js";

/** After this time the answer is sent, with a link to the rest. */
const BUDGET_MS = 1_000;

export async function sendGroups(
  request: FastifyRequest<CallbackPath>,
  reply: FastifyReply,
  by: readonly GroupKey[],
  { deps, lookup, largestPage }: RouteContext,
): Promise<FastifyReply> {
  const { query } = request;
  const filter = readFilter(query);
  const cursor = readParameter(query, "cursor");
  const callback = await lookup.find(request.params.id);
  const inTurn = scanInTurn(request, reply);
  const asked = { filter, by, budgetMs: BUDGET_MS, inTurn, ...(cursor !== undefined && { cursor }) };
  await roomToRead(request, reply)(GROUPS_BYTES);
  const { nextCursor, retried, ...page } = await deps.store.calls.group(callback.id, asked);
  const { nextAt, until } = retried;
  const sent = {
    calls: retried.calls,
    nextAt: nextAt === null ? null : Math.max(nextAt, deps.clock.now()),
    until: until === null || !callback.retriesEnabled ? null : retryUntil(until, deps.policy),
  };
  const rest = {
    rel: "next",
    method: "GET",
    kind: "call" as const,
    path: `/callbacks/${callback.id}/calls`,
    parameters: [...keptParameters(query), ["cursor", nextCursor ?? ""] as const],
  };
  const link = nextCursor === null ? [] : [new Linker(request).link(rest)];
  reply.header("x-max-limit", String(largestPage));
  return sendDocument(request, reply, {
    kind: "call",
    shape: "groups",
    document: groupsToJson({ by, ...page, retried: sent, link }),
  });
}

/** Returns each key once, or null if groups aren't asked for. */
export function readGroupKeys(query: Query): readonly GroupKey[] | null {
  const names = readParameter(query, "groupBy")?.split(",");
  if (names === undefined) return null;
  const keys = names.map((name) => {
    const key = name.trim();
    if (!isGroupKey(key)) throw new WhcbError("invalid", `groupBy may be ${GROUP_KEYS.join(", ")}, comma-separated`);
    return key;
  });
  return [...new Set(keys)];
}
