import { sql } from "kysely";
import { WhcbError } from "../domain/errors.js";
import type { Migrated } from "../domain/maintenance.js";
import type { Clock } from "../platform/clock.js";
import { isPostgresUrl } from "../platform/database-url.js";
import type { AdminStore } from "./admin-store.js";
import { requireCallback } from "./callbacks/callback-row.js";
import { versionStore } from "./callbacks/callback-versions.js";
import { callbackStore } from "./callbacks/callbacks.js";
import { leaseEnder, releaseRunLease, takeRunLease } from "./callbacks/run-leases.js";
import { acceptCalls } from "./calls/accept-calls.js";
import { listAttempts } from "./calls/attempts.js";
import { listFailures, readCounts, readCountsOf, readWaiting } from "./calls/call-counts.js";
import { readStatesById } from "./calls/call-state.js";
import {
  expireRetries,
  fetchBacklog,
  fetchDue,
  fetchHeld,
  fetchPending,
  fetchReplays,
  findCall,
  findCallIds,
} from "./calls/fetch-calls.js";
import { groupCalls } from "./calls/group-calls.js";
import { listCalls } from "./calls/list-calls.js";
import { markCalls, markMatching, recordReplays } from "./calls/mark-calls.js";
import { cancelReplayChunk, findReplay, listReplays, requestReplays } from "./calls/replays.js";
import { countMatching } from "./calls/scan-calls.js";
import { readChangeCounter, readChanges, readLatestChange } from "./change-log.js";
import { sessionStore } from "./console-sessions.js";
import { requireNoUnfinishedCopy } from "./copy/copy-state.js";
import { credentialStore } from "./credentials.js";
import { eraseSender } from "./erase-sender.js";
import type { NodeStore } from "./nodes/node-store.js";
import { listActivity, sampleWaiting } from "./outcomes/activity.js";
import { clampTimes } from "./outcomes/clamp-times.js";
import { commitOutcomes } from "./outcomes/commit-outcomes.js";
import { listActiveCallbacks, listEndpoints } from "./outcomes/endpoints.js";
import { mailStore } from "./outcomes/mails.js";
import { noticeStore } from "./outcomes/notices.js";
import { countOutageCalls } from "./outcomes/outage-calls.js";
import { findLastOutages, findOutage, listOutages, readOutageProgress } from "./outcomes/outages.js";
import { purgeDeleted, purgeExpired } from "./purge.js";
import type { Db } from "./schema.js";
import { checkSecretKey, hasKeyCheck, type KeyCipher, keyCipher, type SecretKeySource } from "./secret-key.js";
import { settingsStore } from "./settings-store.js";
import { migrateSqliteAt, openSqlite, openSqliteReader } from "./sqlite/open-sqlite.js";
import type { Gauges, Store } from "./store.js";

export interface OpenStoreOptions {
  /** A SQLite file's path, ":memory:", or a URL of PostgreSQL. */
  readonly url: string;
  /** 32 bytes, or a function called once the file is a known database. */
  readonly secretKey: Uint8Array | SecretKeySource;
  readonly clock: Clock;
  /** Don't create one. */
  readonly mustExist?: boolean;
  /** By a service, which ends leases of runs by `endRunLeases`. */
  readonly isServed?: boolean;
}

/** Creates or migrates. Throws `config` for a database that can't be used, `unavailable` for what may pass (busy, full disk). */
export async function openStore({
  url,
  secretKey,
  clock,
  mustExist = false,
  isServed = false,
}: OpenStoreOptions): Promise<Store> {
  const db = await openDb({ url, mustExist, clock });
  try {
    const key = typeof secretKey === "function" ? await secretKey({ mayCreate: !(await hasKeyCheck(db)) }) : secretKey;
    const cipher = keyCipher(key);
    await checkSecretKey(db, cipher);
    return storeOn(db, { cipher, clock, isServed, nodes: await openNodes(url, clock, db, cipher) });
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

type DbOptions = Required<Omit<OpenStoreOptions, "secretKey" | "isServed">>;

async function openNodes(url: string, clock: Clock, db: Db, cipher: KeyCipher): Promise<NodeStore | null> {
  return isPostgresUrl(url) ? (await import("./nodes/open-nodes.js")).openNodeStore(url, clock, db, cipher) : null;
}

async function openDb({ clock, ...options }: DbOptions): Promise<Db> {
  const { url, mustExist } = options;
  if (isPostgresUrl(url)) return requireWhole(await (await loadPostgres()).openPostgres(options));
  requireFilePath(url);
  return openSqlite({ path: url, mustExist, clock });
}

async function requireWhole(db: Db): Promise<Db> {
  try {
    await requireNoUnfinishedCopy(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Only to read: nothing is migrated. Throws as openStore, and `config` for an older version. */
export async function openReader(url: string, clock: Clock): Promise<Db> {
  return isPostgresUrl(url) ? openPostgresAsIs(url) : openSqliteReader(url, clock);
}

async function openPostgresAsIs(url: string): Promise<Db> {
  return requireWhole(await (await loadPostgres()).openPostgresAsIs(url));
}

/** Throws as openStore, and `config` while a `serve` of another version uses a SQLite file. */
export async function migrateDatabase(url: string): Promise<Migrated> {
  return isPostgresUrl(url) ? (await loadPostgres()).migratePostgresAt({ url, mustExist: false }) : migrateSqliteAt(url);
}

/** pg is loaded only if it is needed. */
const loadPostgres = () => import("./postgres/open-postgres.js");

function requireFilePath(url: string): void {
  if (!/^[a-z+]{2,}:\/\//i.test(url)) return;
  throw new WhcbError("config", "The database is neither a SQLite file nor PostgreSQL", {
    hint: "Give a file's path, or a URL that begins with postgres://",
  });
}

/**
 * For what needs no callback's auth key, so no secret key either. Throws as openStore, and `config` for an older version of PostgreSQL's tables:
 * migrating them could end running nodes.
 */
export async function openAdminStore(url: string, clock: Clock): Promise<AdminStore> {
  const db = isPostgresUrl(url) ? await openPostgresAsIs(url) : await openDb({ url, mustExist: true, clock });
  const members = isPostgresUrl(url) ? (await import("./nodes/members.js")).memberStore(db) : null;
  return {
    ...credentialStore(db),
    async eraseSender(erasure) {
      if (isPostgresUrl(url)) await (await loadPostgres()).requireNotNewerAt(url, db);
      return eraseSender(db, erasure);
    },
    members,
    close: () => db.destroy(),
  };
}

interface StoreParts {
  readonly cipher: KeyCipher;
  readonly clock: Clock;
  readonly isServed: boolean;
  readonly nodes: NodeStore | null;
}

function storeOn(db: Db, { cipher, clock, isServed, nodes }: StoreParts): Store {
  const settings = settingsStore(db);
  return {
    ...settings,
    ...callbackStore(db, cipher),
    ...versionStore(db),
    ...mailStore(db),
    ...noticeStore(db),
    ...credentialStore(db),
    ...sessionStore(db),

    acceptCalls: (submissions, now) => acceptCalls(db, submissions, now),
    listCalls: (callbackId, query) => listCalls(db, clock, callbackId, query),
    findCall: (callbackId, callId) => findCall(db, callbackId, callId),
    findCallIds: (callbackId, prefix) => findCallIds(db, callbackId, prefix),
    listAttempts: (callbackId, callIds, latest) => listAttempts(db, callbackId, callIds, latest),
    countCalls: async (callbackId) => readCounts(db, (await requireCallback(db, callbackId)).key),
    countCallsOf: (callbackIds) => readCountsOf(db, callbackIds),
    markCalls: (callbackId, callIds, status, now, details) => markCalls(db, { callbackId, callIds, status, ...details }, now),
    requestReplays: (callbackId, request, now) => requestReplays(db, clock, callbackId, request, { now, isServed }),
    findReplay: (callbackId, replayId) => findReplay(db, callbackId, replayId),
    cancelReplayChunk: (callbackId, cancel) => cancelReplayChunk(db, callbackId, cancel),
    recordReplays: (callbackId, replays, now) => recordReplays(db, callbackId, replays, now),
    takeRunLease: (callbackId, lease, now) => takeRunLease(db, callbackId, lease, { now, isServed }),
    releaseRunLease: (callbackId, lease, now) => releaseRunLease(db, callbackId, lease, now),
    endRunLeases: leaseEnder(db, clock),
    countMatching: (callbackId, filter, limit) => countMatching(db, clock, callbackId, filter, limit),
    groupCalls: (callbackId, query) => groupCalls(db, clock, callbackId, query),
    markMatching: (callbackId, filter, mark) => markMatching(db, clock, callbackId, filter, mark),
    readWaiting: () => readWaiting(db),
    listFailures: (callbackId) => listFailures(db, callbackId),
    async findProgress(callbackId, callIds) {
      const states = await readStatesById(db, (await requireCallback(db, callbackId)).key, callIds);
      return new Map(Array.from(states, ([id, { before }]) => [id, before]));
    },
    listReplays: (callbackId, limit) => listReplays(db, callbackId, limit),
    listActivity: (callbackId, query) => listActivity(db, clock, callbackId, query),
    findOutage: (callbackId, outageId) => findOutage(db, callbackId, outageId),
    findLastOutages: (callbackIds) => findLastOutages(db, callbackIds),
    countOutageCalls: (outage, limit) => countOutageCalls(db, clock, outage, limit),
    listOutages: (query) => listOutages(db, query),

    listActiveCallbacks: () => listActiveCallbacks(db),
    listEndpoints: (callbackIds) => listEndpoints(db, cipher, callbackIds),
    fetchPending: (reads) => fetchPending(db, reads),
    fetchDue: (reads) => fetchDue(db, reads),
    fetchReplays: (reads) => fetchReplays(db, reads),
    fetchBacklog: (reads) => fetchBacklog(db, reads),
    fetchHeld: (reads) => fetchHeld(db, reads),
    expireRetries: (expiries, limit) => expireRetries(db, expiries, limit),
    clampTimes: (bounds) => clampTimes(db, bounds),
    readOutageProgress: (outages) => readOutageProgress(db, outages),
    sampleWaiting: (now, after, limit) => sampleWaiting(db, now, after, limit),
    commitOutcomes: (group) => commitOutcomes(db, group),
    purgeDeleted: (limit) => purgeDeleted(db, limit),
    purgeExpired: async (now, limit) => purgeExpired(db, now, limit, await settings.readSettings()),

    checkWritable: () => checkWritable(db),
    readGauges: () => readGauges(db),
    sign: cipher.sign,
    changeCounter: () => readChangeCounter(db),
    readLatestChange: () => readLatestChange(db),
    readChanges: (after, limit) => readChanges(db, after, limit),
    nodes,
    async close() {
      await nodes?.close();
      await db.destroy();
    },
  };
}

/** As much as the outcome of a call and more: what fits must not be less than what is to be recorded. */
const TRIAL_BYTES = 128 * 1024;

/** Of a row that is deleted in its own transaction, nothing would be written. */
export async function checkWritable(db: Db): Promise<void> {
  const trial = { name: "trial", value: new Uint8Array(TRIAL_BYTES) };
  await db
    .insertInto("settings")
    .values(trial)
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: trial.value }))
    .execute();
  await db.deleteFrom("settings").where("name", "=", trial.name).execute();
}

async function readGauges(db: Db): Promise<Gauges> {
  const { rows } = await sql<Gauges>`
    SELECT
      (SELECT coalesce(sum(count), 0) FROM call_counts WHERE status = 'PENDING') AS waiting,
      (SELECT count(*) FROM calls WHERE status = 'FAILED' AND due_at IS NOT NULL) AS due,
      (SELECT count(*) FROM outages WHERE ended_at IS NULL) AS "openOutages",
      (SELECT count(*) FROM mails WHERE next_try_at IS NOT NULL) AS "queuedMails",
      (SELECT count(*) FROM notices WHERE next_try_at IS NOT NULL) AS "queuedNotices"`.execute(db);
  return rows[0] ?? { waiting: 0, due: 0, openOutages: 0, queuedMails: 0, queuedNotices: 0 };
}
