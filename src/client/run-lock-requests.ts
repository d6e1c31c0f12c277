/** The run lock of a callback. */
import type { RunLease } from "../domain/callback.js";
import { countOf, objectOf, textOf } from "../wire/json/json-value.js";
import { callbackPath } from "./callback-requests.js";
import type { Client } from "./client.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess } from "./transport.js";

/** What services answer that don't have this route; a gateway may say that it is forbidden. */
const UNKNOWN_ROUTE = new Set([403, 404, 405, 501]);

export function runLockRequests(api: ServiceApi): Pick<Client, "takeRunLock" | "releaseRunLock"> {
  const request = (method: "PUT" | "DELETE", callbackId: string, lease: RunLease) =>
    api.exchange({ method, path: `${callbackPath(callbackId)}/run-lock`, noun: "callback", body: lease, isRepeatable: true });
  return {
    async takeRunLock(callbackId, lease) {
      const answer = await request("PUT", callbackId, lease);
      if (isSuccess(answer)) return { kind: "taken" };
      if (answer.status === 409) return { kind: "busy", holder: readRunLease(api.documentOf(answer)) };
      if (UNKNOWN_ROUTE.has(answer.status)) return { kind: "unsupported" };
      throw api.errorOf(answer);
    },
    async releaseRunLock(callbackId, lease) {
      const answer = await request("DELETE", callbackId, lease);
      // The callback may have been deleted.
      if (!isSuccess(answer) && answer.status !== 404) throw api.errorOf(answer);
    },
  };
}

function readRunLease(document: unknown): RunLease {
  const { run, holder, done, total } = objectOf(document);
  return { run: textOf(run), holder: textOf(holder), done: countOf(done) ?? 0, total: countOf(total) ?? 0 };
}
