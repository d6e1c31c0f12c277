/** By path if the service has one, otherwise by listing. */
import { WhcbError } from "../domain/errors.js";
import { readAttempts, readCall } from "../wire/json/call-json.js";
import { callbackPath } from "./callback-requests.js";
import type { Client, ListedCall } from "./client.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

type SingleCalls = Pick<Client, "getCall" | "findCalls" | "listAttempts">;

/** Beyond this, listing takes fewer requests. */
const MAX_SINGLE_REQUESTS = 50;

export function singleCalls(api: ServiceApi, listCalls: Client["listCalls"], timezone: string): SingleCalls {
  /** null: not known yet. */
  let hasPaths: boolean | null = null;

  const request = (callbackId: string, callId: string, rest = ""): Promise<TransportResponse> =>
    api.exchange({ method: "GET", path: `${callbackPath(callbackId)}/calls/${encodeURIComponent(callId)}${rest}`, noun: "call" });

  async function hasCallPaths(callbackId: string): Promise<boolean> {
    if (hasPaths !== null) return hasPaths;
    for await (const { calls } of listCalls(callbackId, { filter: {}, limit: 1 })) {
      const [call] = calls;
      if (call !== undefined) {
        hasPaths = isSuccess(await request(callbackId, call.id));
        return hasPaths;
      }
    }
    // No calls, so neither way finds any.
    return true;
  }

  async function getByPath(callbackId: string, callId: string): Promise<ListedCall | null> {
    const answer = await request(callbackId, callId);
    if (isSuccess(answer)) {
      hasPaths = true;
      return readCall(api.documentOf(answer), { callbackId, timezone });
    }
    if (!isNotFound(answer)) throw api.errorOf(answer);
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
      else if (!(await hasCallPaths(callbackId))) return findByListing(callbackId, [first, ...rest]);
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
      const answer = await request(callbackId, callId, "/attempts");
      if (isSuccess(answer)) return readAttempts(api.documentOf(answer), timezone);
      if (isNotFound(answer)) return null;
      throw api.errorOf(answer);
    },
  };
}

/** No such call and no such path look the same. */
function isNotFound({ status }: TransportResponse): boolean {
  return [400, 404, 405, 422, 501].includes(status);
}
