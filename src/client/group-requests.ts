/** The service counts calls where it can; otherwise its list is counted. */
import type { CallFilter } from "../domain/call-filter.js";
import { type CallGroup, type GroupKey, groupOf, type RetriedCalls } from "../domain/call-groups.js";
import { WhcbError } from "../domain/errors.js";
import { type ReadGroups, readGroups } from "../wire/json/group-json.js";
import { callQuery, type ListCalls, requireAnswers } from "./call-requests.js";
import { callbackPath } from "./callback-requests.js";
import { isUnknownRoute } from "./capabilities.js";
import { KeptMemory, nextPath } from "./list-walker.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

/** A service that makes up links to more must end somewhere. */
const MAX_PARTS = 100_000;

export interface GroupCallsQuery {
  readonly filter: CallFilter;
  /** `by` has at least one key, each once. */
  readonly by: readonly GroupKey[];
}

export interface GroupPart {
  readonly groups: readonly CallGroup[];
  readonly leftOut: number;
  /** The service counts so many calls that match. It is null if unknown. */
  readonly total: number | null;
  /** It is null if the service doesn't say. */
  readonly retried: RetriedCalls | null;
}

export function groupRequests(api: ServiceApi, listCalls: ListCalls) {
  const { capabilities } = api;

  /** Yields parts that count different calls: the caller adds groups up. A service that can't group is listed: one group for each call. */
  async function* groupCalls(callbackId: string, { filter, by }: GroupCallsQuery): AsyncIterable<GroupPart> {
    const query = callQuery({ filter });
    query.set("groupBy", by.join(","));
    const path = `${callbackPath(callbackId)}/calls?${query}`;
    const answer = capabilities.lacks("groups") ? null : await api.exchange({ method: "GET", path, noun: "call" });
    const first = answer === null ? null : readAnswer(answer, by);
    if (first !== null) {
      yield* followParts(api.basePath + path, first, by);
      return;
    }
    capabilities.noteFeature("groups", false);
    for await (const { calls, withoutId, leftOut, total } of listCalls(callbackId, {
      filter,
      withAnswers: by.includes("answer"),
    })) {
      if (by.includes("answer")) requireAnswers([...calls, ...withoutId], api);
      yield { groups: [...calls, ...withoutId].map((call) => groupOf(call, by)), leftOut, total, retried: null };
    }
  }

  function readAnswer(answer: TransportResponse, by: readonly GroupKey[]): ReadGroups | null {
    // A strict service rejects an unknown parameter.
    if (isUnknownRoute(answer) || answer.status === 422) return null;
    if (!isSuccess(answer)) throw api.errorOf(answer);
    return readGroups(api.documentOf(answer), by);
  }

  async function* followParts(firstPath: string, first: ReadGroups, by: readonly GroupKey[]): AsyncGenerator<GroupPart> {
    const seen = new Set([firstPath]);
    const kept = new KeptMemory();
    for (let part: ReadGroups | null = first; ; ) {
      yield { groups: part.groups, leftOut: 0, total: part.total, retried: part.retried };
      if (part.next === null) return;
      const path = nextPath(part.next, firstPath);
      if (seen.has(path) || seen.size >= MAX_PARTS) {
        throw new WhcbError("unavailable", `the links to the next groups don't end after ${seen.size} answers`);
      }
      seen.add(path);
      kept.add(path.length);
      part = readGroups(await api.getDocument(path, "call"), by);
      if (part === null) throw new WhcbError("unavailable", "the link to the next groups leads to something else");
    }
  }

  return { groupCalls };
}
