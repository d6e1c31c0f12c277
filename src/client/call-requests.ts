/** Calls: listed, found, marked, submitted, replayed by the service. */

import { matchesFilter } from "../domain/call-filter.js";
import { isWhcbError, WhcbError } from "../domain/errors.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import { timeOrderedId } from "../platform/random.js";
import { readCallList } from "../wire/json/call-json.js";
import { readAccepted, readSubmittedIds, submissionToJson } from "../wire/json/response-json.js";
import { callQueryParameters, plainCallQueryParameters } from "./call-query.js";
import { pathOf } from "./callback-requests.js";
import type { CallPage, Client, ListCallsQuery, ListedCall, SubmittedCall } from "./client.js";
import { walkList } from "./list-walker.js";
import type { ServiceApi } from "./service-api.js";
import { namesCall } from "./service-error.js";
import { isSuccess } from "./transport.js";

type CallRequests = Pick<Client, "listCalls" | "markCalls" | "submitCalls" | "requestReplays">;

export interface CallReading {
  readonly clock: Clock;
  readonly random: Random;
  /** IANA zone of the service's dates without one. */
  readonly timezone: string;
}

/** A submission's most. */
const SUBMISSION_SIZE = 1_000;

export function callRequests(api: ServiceApi, { clock, random, timezone }: CallReading): CallRequests {
  async function* listCalls(callbackId: string, query: ListCallsQuery): AsyncGenerator<CallPage> {
    const pages = walkList(
      listPath(callUrl(callbackId), callQueryParameters(query)),
      (path) => loadPage(path, callbackId, query),
      ({ id }: ListedCall) => id,
    );
    let room = query.limit ?? Number.POSITIVE_INFINITY;
    if (room <= 0) return;
    for await (const { items, total } of pages) {
      // Always here too: a service that ignores a filter it doesn't know must not widen what is done with the calls.
      const meant = items.filter((call) => matchesFilter(call, query.filter));
      yield { calls: meant.slice(0, room), leftOut: items.length - meant.length, total };
      room -= meant.length;
      if (room <= 0) return;
    }
  }

  async function loadPage(path: string, callbackId: string, query: ListCallsQuery) {
    const options = { callbackId, timezone };
    const read = async (from: string) => {
      const { calls, total, next } = readCallList(await api.getDocument(from, "call"), options);
      return { items: calls, total, next };
    };
    if (path !== listPath(callUrl(callbackId), callQueryParameters(query))) return read(path);
    return read(path).catch((error: unknown) => {
      // A stricter service refuses what it doesn't know: then it is asked for the status alone.
      if (!isWhcbError(error, "malformed") && !isWhcbError(error, "invalid")) throw error;
      return read(listPath(callUrl(callbackId), plainCallQueryParameters(query)));
    });
  }

  const callUrl = (callbackId: string): string => `${api.basePath}${pathOf(callbackId)}/calls`;

  return {
    listCalls,
    async markCalls(callbackId, callIds, status) {
      if (callIds.length === 0) return;
      const path = `${pathOf(callbackId)}/calls?${idQuery(callIds)}`;
      await api.expectSuccess({ method: "PUT", path, noun: "call", body: { status } });
    },
    async submitCalls(callbackId, calls) {
      const ids: string[] = [];
      for (let start = 0; start < calls.length; start += SUBMISSION_SIZE) {
        // With ids of our own the request can be sent again after a cut: the service takes each once.
        const chunk = calls.slice(start, start + SUBMISSION_SIZE).map((call) => withId(call));
        const answer = await api.exchange({
          method: "POST",
          path: `${pathOf(callbackId)}/calls`,
          noun: "call",
          body: { calls: chunk.map(submissionToJson) },
          isRepeatable: true,
        });
        if (answer.status === 405 || answer.status === 501) {
          throw new WhcbError("usage", `${api.name} takes no responses to deliver`, { hint: "Only `whcb serve` does." });
        }
        if (!isSuccess(answer)) throw api.errorOf(answer);
        ids.push(...readSubmittedIds(api.documentOf(answer)));
      }
      return ids;
    },
    async requestReplays(callbackId, callIds) {
      if (callIds.length === 0) return 0;
      const path = `${pathOf(callbackId)}/replays?${idQuery(callIds)}`;
      const answer = await api.exchange({ method: "POST", path, noun: "call" });
      if (isSuccess(answer)) return readAccepted(api.documentOf(answer));
      const error = api.errorOf(answer);
      // `whcb serve` names the id that it doesn't know; a service without this route knows none of them.
      const isUnknownRoute = answer.status === 405 || answer.status === 501 || answer.status === 404;
      if (!isUnknownRoute || callIds.some((id) => namesCall(error, id))) throw error;
      throw new WhcbError("usage", `${api.name} can't replay by itself`, { hint: "Leave out `--via service`." });
    },
  };

  function withId(call: SubmittedCall): SubmittedCall {
    return call.id === undefined ? { ...call, id: timeOrderedId(clock.now(), random) } : call;
  }
}

function idQuery(callIds: readonly string[]): string {
  return callIds.map((id) => `id=${encodeURIComponent(id)}`).join("&");
}

function listPath(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`;
}
