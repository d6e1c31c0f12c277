/** A database's URL -> the store on it. */
import { sql } from "kysely";
import { WhcbError } from "../domain/errors.js";
import { DEFAULT_RETENTION, type RetentionPolicy } from "../domain/retention.js";
import { callbackStore } from "./callbacks/callbacks.js";
import { requireCallback } from "./callbacks/require-callback.js";
import { acceptCalls } from "./calls/accept-calls.js";
import { listAttempts } from "./calls/attempts.js";
import { bringForward } from "./calls/bring-forward.js";
import { readCounts } from "./calls/call-counts.js";
import { expireRetries } from "./calls/expire-retries.js";
import { fetchBacklog, fetchDue, fetchHeld, fetchPending, findCall } from "./calls/fetch-calls.js";
import { listCalls } from "./calls/list-calls.js";
import { markCalls } from "./calls/mark-calls.js";
import { requestReplays } from "./calls/request-replays.js";
import type { StoreContext } from "./context.js";
import { readGauges } from "./gauges.js";
import { checkSecretKey, checkWritable, hasKeyCheck } from "./key-check.js";
import { keyCipher } from "./key-cipher.js";
import { commitOutcomes } from "./outcomes/commit-outcomes.js";
import { listEndpoints } from "./outcomes/endpoints.js";
import { mailStore } from "./outcomes/mails.js";
import { listOutages } from "./outcomes/outages.js";
import { purge } from "./purge.js";
import { openSqlite } from "./sqlite/open-sqlite.js";
import type { CallStore, DispatchStore, Store } from "./store.js";
import { credentialStore } from "./stored-credentials.js";

export interface OpenStoreOptions {
  /** A SQLite file's path, or ":memory:". */
  readonly url: string;
  /** 32 bytes that encrypt the callbacks' auth keys, or where they come from: asked once the database is known to be one. */
  readonly secretKey: Uint8Array | SecretKeySource;
  /** How long settled calls are kept; left out: DEFAULT_RETENTION. */
  readonly retention?: RetentionPolicy;
  /** Refuse to make a new database where there is none. */
  readonly mustExist?: boolean;
}

/** `mayCreate`: nothing in the database is encrypted yet, so that a new key does no harm. */
export type SecretKeySource = (options: { readonly mayCreate: boolean }) => Promise<Uint8Array>;

/**
 * Opens the database, makes it where there is none, and brings an older one forward. Throws `config` for a database that can't
 * be used as it is (not one, newer, no folder, wrong secret key), `unavailable` for what may pass (busy, full disk).
 */
export async function openStore({
  url,
  secretKey,
  retention = DEFAULT_RETENTION,
  mustExist = false,
}: OpenStoreOptions): Promise<Store> {
  if (/^[a-z+]{2,}:\/\//i.test(url)) {
    throw new WhcbError("config", "This version keeps its data in SQLite files only, not behind a database URL", {
      hint: "Give a file's path, for example --db whcb.db",
    });
  }
  const db = openSqlite({ path: url, mustExist });
  try {
    const key = typeof secretKey === "function" ? await secretKey({ mayCreate: !(await hasKeyCheck(db)) }) : secretKey;
    const cipher = keyCipher(key);
    await checkSecretKey(db, cipher);
    return storeOn({ db, cipher, retention });
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

function storeOn(context: StoreContext): Store {
  const { db } = context;
  return {
    ...callbackStore(context),
    ...callStore(context),
    ...dispatchStore(context),
    ...mailStore(db),
    ...credentialStore(db),
    checkWritable: () => checkWritable(db),
    readGauges: () => readGauges(db),
    async changeCounter() {
      const { rows } = await sql<{ data_version: number }>`PRAGMA data_version`.execute(db);
      return rows[0]?.data_version ?? 0;
    },
    close: () => db.destroy(),
  };
}

function callStore({ db }: StoreContext): CallStore {
  return {
    acceptCalls: (callbackId, calls, now) => acceptCalls(db, callbackId, calls, now),
    listCalls: (callbackId, query) => listCalls(db, callbackId, query),
    findCall: (callbackId, callId) => findCall(db, callbackId, callId),
    listAttempts: (callbackId, callIds) => listAttempts(db, callbackId, callIds),
    countCalls: async (callbackId) => readCounts(db, (await requireCallback(db, callbackId)).key),
    markCalls: (callbackId, callIds, status, now) => markCalls(db, { callbackId, callIds, status }, now),
    requestReplays: (callbackId, selection, now) => requestReplays(db, callbackId, selection, now),
    listOutages: (query) => listOutages(db, query),
  };
}

function dispatchStore(context: StoreContext): DispatchStore {
  const { db } = context;
  return {
    listEndpoints: (callbackIds) => listEndpoints(context, callbackIds),
    fetchPending: (callbackId, limit) => fetchPending(db, callbackId, limit),
    fetchDue: (callbackId, dueBefore, limit) => fetchDue(db, callbackId, dueBefore, limit),
    fetchBacklog: (callbackId, recovery, limit) => fetchBacklog(db, callbackId, recovery, limit),
    fetchHeld: (callbackId) => fetchHeld(db, callbackId),
    expireRetries: (callbackId, firstFailedBefore, limit) => expireRetries(db, callbackId, firstFailedBefore, limit),
    bringForward: (callbackId, latest) => bringForward(db, callbackId, latest),
    commitOutcomes: (group) => commitOutcomes(db, group),
    purge: (query) => purge(context, query),
  };
}
