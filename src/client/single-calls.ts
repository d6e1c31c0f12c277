/** Single calls by their id: at their own path where the service knows one, else found by listing. */
import { WhcbError } from "../domain/errors.js";
import { readAttempts, readCall } from "../wire/json/call-json.js";
import { pathOf } from "./callback-requests.js";
import type { Client, ListedCall } from "./client.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

type SingleCalls = Pick<Client, "getCall" | "findCalls" | "listAttempts">;

/** Up to so many calls are asked for one by one; a longer list is found by listing. */
const MAX_SINGLE_REQUESTS = 50;

export function singleCalls(api: ServiceApi, listCalls: Client["listCalls"], timezone: string): SingleCalls {
  /** Whether single calls have a path here; null while that isn't known. */
  let hasPaths: boolean | null = null;

  const ask = (callbackId: string, callId: string, rest = ""): Promise<TransportResponse> =>
    api.exchange({ method: "GET", path: `${pathOf(callbackId)}/calls/${encodeURIComponent(callId)}${rest}`, noun: "call" });

  /** Settled by asking for a call that is surely there. */
  async function knowsPaths(callbackId: string): Promise<boolean> {
    if (hasPaths !== null) return hasPaths;
    for await (const { calls } of listCalls(callbackId, { filter: {}, limit: 1 })) {
      const [call] = calls;
      if (call !== undefined) {
        hasPaths = isSuccess(await ask(callbackId, call.id));
        return hasPaths;
      }
    }
    // A callback without calls: there is nothing to be found by either way.
    return true;
  }

  async function getByPath(callbackId: string, callId: string): Promise<ListedCall | null> {
    const answer = await ask(callbackId, callId);
    if (isSuccess(answer)) {
      hasPaths = true;
      return readCall(api.documentOf(answer), { callbackId, timezone });
    }
    if (!isUnknown(answer)) throw api.errorOf(answer);
    return null;
  }

  async function findByListing(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]> {
    const wanted = new Set(callIds.map((id) => id.toUpperCase()));
    const found: ListedCall[] = [];
    for await (const { calls } of listCalls(callbackId, { filter: {} })) {
      for (const call of calls) if (wanted.delete(call.id.toUpperCase())) found.push(call);
      if (wanted.size === 0) break;
    }
    return found;
  }

  async function findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]> {
    const [first, ...rest] = [...new Set(callIds)];
    if (first === undefined) return [];
    if (hasPaths === false || rest.length >= MAX_SINGLE_REQUESTS) return findByListing(callbackId, [first, ...rest]);
    const found: ListedCall[] = [];
    for (const callId of [first, ...rest]) {
      const call = await getByPath(callbackId, callId);
      if (call !== null) found.push(call);
      else if (!(await knowsPaths(callbackId))) return findByListing(callbackId, [first, ...rest]);
    }
    return found;
  }

  return {
    findCalls,
    async getCall(callbackId, callId) {
      const [call] = await findCalls(callbackId, [callId]);
      if (call === undefined) throw new WhcbError("not-found", `no call ${callId} in ${callbackId}`);
      return call;
    },
    async listAttempts(callbackId, callId) {
      const answer = await ask(callbackId, callId, "/attempts");
      if (isSuccess(answer)) return readAttempts(api.documentOf(answer), timezone);
      if (isUnknown(answer)) return null;
      throw api.errorOf(answer);
    },
  };
}

/** No such call, or no such path: the answers are the same. */
function isUnknown({ status }: TransportResponse): boolean {
  return [400, 404, 405, 422, 501].includes(status);
}
