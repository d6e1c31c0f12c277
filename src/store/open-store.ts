import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { sql } from "kysely";
import { WhcbError } from "../domain/errors.js";
import type { Migrated } from "../domain/maintenance.js";
import type { Clock } from "../platform/clock.js";
import { isPostgresUrl } from "../platform/database-url.js";
import { auditStore } from "./audit.js";
import { overviewStore } from "./callbacks/callback-overview.js";
import { versionStore } from "./callbacks/callback-versions.js";
import { callbackStore } from "./callbacks/callbacks.js";
import { runLeaseStore } from "./callbacks/run-leases.js";
import { callStore } from "./calls/call-store.js";
import { replayCollection } from "./calls/collect-replays.js";
import { queueStore } from "./calls/fetch-calls.js";
import { replayStore } from "./calls/replays.js";
import { changeStore } from "./change-log.js";
import { sessionStore } from "./console-sessions.js";
import { requireNoUnfinishedCopy } from "./copy/copy-state.js";
import { credentialStore } from "./credentials.js";
import { type ErasedSender, eraseSender, type SenderErasure } from "./erase-sender.js";
import type { NodeStore } from "./nodes/open-nodes.js";
import { activityStore } from "./outcomes/activity.js";
import { outcomeStore } from "./outcomes/commit-outcomes.js";
import { endpointStore } from "./outcomes/endpoints.js";
import { expiryStore } from "./outcomes/expired-calls.js";
import { mailStore } from "./outcomes/mails.js";
import { noticeStore } from "./outcomes/notices.js";
import { countPaused, oldestWaitingReader, readOldestAcceptance } from "./outcomes/oldest-waiting.js";
import { outageStore } from "./outcomes/outages.js";
import type { OpenedPostgres } from "./postgres/open-postgres.js";
import { retentionStore } from "./purge.js";
import type { Db } from "./schema.js";
import { checkSecretKey, hasKeyCheck, type KeyCipher, keyCipher, type SecretKeySource } from "./secret-key.js";
import { settingsStore } from "./settings-store.js";
import { isPostgres } from "./sql/per-database.js";
import { type ReadTime, readDatabaseTime } from "./sql/read-time.js";
import { migrateSqliteAt, openSqlite, openSqliteReader, placeOfFile } from "./sqlite/open-sqlite.js";

export interface OpenStoreOptions {
  /** `url` is a SQLite file's path, ":memory:", or a URL of PostgreSQL. */
  readonly url: string;
  /** The key has 32 bytes. A function is called once the file is a known database. */
  readonly secretKey: Uint8Array | SecretKeySource;
  readonly clock: Clock;
  readonly mustExist?: boolean;
  /** A service uses the store, which ends leases of runs by `runLeases.endUnrenewed`, and goes by the database's clock if nodes share it. */
  readonly isServed?: boolean;
  /** Resolves to whether a process sends the calls of this database, or may send them. By default it may. */
  readonly isSent?: () => Promise<boolean>;
}

/**
 * Opens the database, and creates or migrates it. Throws `config` for a database that can't be used, and `unavailable` for what
 * may pass (busy, full disk).
 */
export async function openStore({
  url,
  secretKey,
  clock,
  mustExist = false,
  isServed = false,
  isSent = async () => true,
}: OpenStoreOptions): Promise<Store> {
  const opened = isPostgresUrl(url) ? await openPostgres(url, mustExist) : { db: await openFile(url, mustExist, clock) };
  const { db } = opened;
  try {
    const key = typeof secretKey === "function" ? await secretKey({ mayCreate: !(await hasKeyCheck(db)) }) : secretKey;
    const cipher = keyCipher(key);
    await checkSecretKey(db, cipher);
    const databaseId = await readDatabaseId(url, db);
    const nodes =
      "searchPath" in opened ? (await import("./nodes/open-nodes.js")).openNodeStore(url, opened, clock, cipher) : null;
    return { ...makeStore(db, cipher, { clock, isServed, isSent }, nodes), databaseId };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

async function openPostgres(url: string, mustExist: boolean): Promise<OpenedPostgres> {
  const opened = await (await loadPostgres()).openPostgres({ url, mustExist });
  await requireWholeCopy(opened.db);
  return opened;
}

async function openFile(path: string, mustExist: boolean, clock: Clock): Promise<Db> {
  requireFilePath(path);
  return openSqlite({ path, mustExist, clock });
}

async function requireWholeCopy(db: Db): Promise<Db> {
  try {
    await requireNoUnfinishedCopy(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Opens the database only to read, so nothing is migrated. Throws as `openStore` does, and `config` for an older version. */
export async function openReader(url: string, clock: Clock): Promise<Db> {
  return isPostgresUrl(url) ? openPostgresAsIs(url) : openSqliteReader(url, clock);
}

async function openPostgresAsIs(url: string): Promise<Db> {
  return requireWholeCopy(await (await loadPostgres()).openPostgresAsIs(url));
}

/** Throws as `openStore` does, and `config` while a `serve` of another version uses a SQLite file. */
export async function migrateDatabase(url: string): Promise<Migrated> {
  return isPostgresUrl(url) ? (await loadPostgres()).migratePostgresAt({ url, mustExist: false }) : migrateSqliteAt(url);
}

/** Loads pg, which SQLite doesn't need. */
const loadPostgres = () => import("./postgres/open-postgres.js");

function requireFilePath(url: string): void {
  if (!/^[a-z+]{2,}:\/\//i.test(url)) return;
  throw new WhcbError("config", "The database is neither a SQLite file nor PostgreSQL", {
    hint: "Give a file's path, or a URL that begins with postgres://",
  });
}

/**
 * Opens a store for what needs no callback's auth key, and so no secret key. Throws as `openStore` does, and `config` for an
 * older version of PostgreSQL's tables: migrating them could end running nodes.
 */
export async function openAdminStore(url: string, clock: Clock) {
  const db = isPostgresUrl(url) ? await openPostgresAsIs(url) : await openFile(url, true, clock);
  return {
    credentials: credentialStore(db),
    /** `members` is null on SQLite, where a lock on the file keeps others out. */
    members: isPostgresUrl(url) ? (await import("./nodes/members.js")).memberStore(db) : null,
    async eraseSender(erasure: SenderErasure): Promise<ErasedSender> {
      if (isPostgresUrl(url)) await (await loadPostgres()).requireNotNewerAt(url, db);
      return eraseSender(db, clock, erasure);
    },
    close: (): Promise<void> => db.destroy(),
  };
}

export type AdminStore = Awaited<ReturnType<typeof openAdminStore>>;

/** Every method that writes does so in one transaction, unless it says otherwise. */
export interface Store extends ReturnType<typeof makeStore> {
  /** No other database has it, not even a copy with the same data. It is null if that isn't known. */
  readonly databaseId: string | null;
}

async function readDatabaseId(url: string, db: Db): Promise<string | null> {
  return idOfPlace(isPostgresUrl(url) ? await (await loadPostgres()).readPlace(db) : placeOfFile(url));
}

/** Returns the `databaseId`, or null if there is no such file. Changes nothing in the database. Throws as `openStore` does. */
export async function findDatabaseId(url: string): Promise<string | null> {
  if (isPostgresUrl(url)) return idOfPlace(await (await loadPostgres()).readPlaceAt(url));
  return existsSync(url) ? idOfPlace(placeOfFile(url)) : null;
}

function idOfPlace(place: string | null): string | null {
  return place === null ? null : createHash("sha256").update(place).digest("hex").slice(0, 32);
}

function makeStore(
  db: Db,
  cipher: KeyCipher,
  { clock, isServed, isSent }: Required<Pick<OpenStoreOptions, "clock" | "isServed" | "isSent">>,
  nodes: NodeStore | null,
) {
  // A machine's own clock may be minutes off, and the shared one of a machine that was suspended stood still.
  const readTime: ReadTime = isServed && nodes !== null ? readDatabaseTime : async () => clock.now();
  const readOldestWaiting = oldestWaitingReader(db, readTime, isSent);
  return {
    callbacks: {
      ...callbackStore(db, cipher),
      ...overviewStore(db, cipher, clock, readOldestWaiting),
      ...versionStore(db, readOldestWaiting),
    },
    calls: callStore(db, clock, readTime),
    /** `replays` are replays by the service. */
    replays: { ...replayStore(db, clock, isServed), ...replayCollection(db, clock, isServed) },
    runLeases: runLeaseStore(db, clock, isServed),
    endpoints: endpointStore(db, cipher, clock, readOldestWaiting),
    queue: queueStore(db),
    outcomes: outcomeStore(db),
    outages: outageStore(db),
    activity: activityStore(db, clock),
    mails: mailStore(db),
    notices: noticeStore(db),
    expiries: expiryStore(db),
    changes: changeStore(db),
    retention: retentionStore(db),
    settings: settingsStore(db),
    credentials: credentialStore(db),
    sessions: sessionStore(db),
    audit: auditStore(db),
    /** `nodes` is null on SQLite, where one process serves the database. */
    nodes,
    readTime: (): Promise<number> => readTime(db),
    /** Throws `unavailable` with the reason if the database can't be written. */
    checkWritable: (): Promise<void> => checkWritable(db),
    /** Reads counters and indexes, and the oldest waiting call of each callback. */
    readGauges: (): Promise<Gauges> => readGauges(db, clock.now()),
    /** Signs with the secret key, which is the same on all nodes: see KeyCipher. */
    sign: cipher.sign,
    /** Encrypts with the secret key, too. */
    encrypt: cipher.encrypt,
    decrypt: cipher.decrypt,
    async close(): Promise<void> {
      await nodes?.close();
      await db.destroy();
    },
  };
}

export interface Gauges {
  /** So many calls are PENDING. */
  readonly waiting: number;
  /** So many FAILED calls have something due. */
  readonly due: number;
  readonly openOutages: number;
  readonly queuedMails: number;
  readonly queuedNotices: number;
  /** So many FAILED calls aren't retried any more, as their window is over. */
  readonly expired: number;
  /** The oldest PENDING call was accepted then, of those whose callbacks aren't paused. */
  readonly oldestWaitingAt: number | null;
  /** So many PENDING calls have a paused callback. */
  readonly paused: number;
  /** Rows of PostgreSQL's tables that VACUUM hasn't removed yet. */
  readonly deadRows: readonly DeadRows[];
  /** So many transactions began since the oldest snapshot, whose rows VACUUM keeps. It is null on SQLite. */
  readonly oldestSnapshotTransactions: number | null;
}

export interface DeadRows {
  readonly table: string;
  readonly rows: number;
}

/** A call's outcome has fewer bytes. What fits here must not be less than what is to be recorded. */
const TRIAL_BYTES = 128 * 1024;

/** Writes and deletes a row in two transactions: in one, nothing would be written. */
export async function checkWritable(db: Db): Promise<void> {
  const trial = { name: "trial", value: new Uint8Array(TRIAL_BYTES) };
  await db
    .insertInto("settings")
    .values(trial)
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: trial.value }))
    .execute();
  await db.deleteFrom("settings").where("name", "=", trial.name).execute();
}

async function readGauges(db: Db, now: number): Promise<Gauges> {
  const { rows } = await sql<Omit<Gauges, "oldestWaitingAt" | "paused" | "deadRows" | "oldestSnapshotTransactions">>`
    SELECT
      (SELECT coalesce(sum(count), 0) FROM call_counts WHERE status = 'PENDING') AS waiting,
      (SELECT count(*) FROM calls WHERE status = 'FAILED' AND due_at IS NOT NULL) AS due,
      (SELECT count(*) FROM outages WHERE ended_at IS NULL) AS "openOutages",
      (SELECT count(*) FROM mails WHERE next_try_at IS NOT NULL) AS "queuedMails",
      (SELECT count(*) FROM notices WHERE next_try_at IS NOT NULL) AS "queuedNotices",
      (SELECT coalesce(sum(calls), 0) FROM expiries) AS expired`.execute(db);
  const counts = rows[0] ?? { waiting: 0, due: 0, openOutages: 0, queuedMails: 0, queuedNotices: 0, expired: 0 };
  const [oldestWaitingAt, paused] = [await readOldestAcceptance(db, now), await countPaused(db, now)];
  const oldestSnapshotTransactions = await readOldestSnapshot(db);
  return { ...counts, oldestWaitingAt, paused, deadRows: await readDeadRows(db), oldestSnapshotTransactions };
}

/** PostgreSQL counts them about once a second. */
async function readDeadRows(db: Db): Promise<readonly DeadRows[]> {
  if (!isPostgres(db)) return [];
  const { rows } = await sql<DeadRows>`
    SELECT relname::text AS table, n_dead_tup AS rows FROM pg_catalog.pg_stat_user_tables WHERE schemaname = current_schema()
    ORDER BY relname`.execute(db);
  return rows;
}

/** Counts transactions, not seconds: of another role's session PostgreSQL shows the snapshot, and not since when it is open. */
async function readOldestSnapshot(db: Db): Promise<number | null> {
  if (!isPostgres(db)) return null;
  const { rows } = await sql<{ transactions: number }>`
    SELECT coalesce(max(age(oldest)), 0) AS transactions FROM (
      SELECT backend_xmin AS oldest FROM pg_catalog.pg_stat_activity WHERE datid IS NULL OR datname = current_database()
      UNION ALL SELECT xmin FROM pg_catalog.pg_replication_slots
      UNION ALL SELECT transaction FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()) AS snapshots`.execute(
    db,
  );
  return rows[0]?.transactions ?? null;
}
