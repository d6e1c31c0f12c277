/** A change and its audit are in one transaction, so neither is there without the other. */
import { createHash } from "node:crypto";
import { type RawBuilder, sql } from "kysely";
import { type AuditChange, type AuditDetails, type AuditEntry, type Author, jsonBytes } from "../domain/audit/audit-entry.js";
import { type CallFilter, filterParameters } from "../domain/call-filter.js";
import { MINUTE_MS } from "../domain/duration.js";
import { type Page, type PageQuery, readPage } from "./paging.js";
import type { Db, Row } from "./schema.js";
import { inList } from "./sql/batches.js";
import { transact } from "./sql/transactions.js";

export interface AuditQuery extends PageQuery {
  /** The callback's id, or the name that it had. */
  readonly callback?: string;
  readonly user?: string;
  /** At this instant or later. */
  readonly since?: number;
}

export function auditStore(db: Db) {
  return {
    /** Reads a page, newest first. */
    list: (query: AuditQuery): Promise<Page<AuditEntry>> => listAudit(db, query),

    /** Counts what changes nothing that is stored, in one transaction, as `countInAudit` does. */
    record: (author: Author, change: AuditChange & { readonly count: number }): Promise<void> =>
      transact(db, (trx) => countInAudit(trx, author, change)),

    /**
     * Counts a sign-in that failed, in one transaction: those of one place, way and minute have one row, with the user whom all of them
     * named. The author's user must exist, or be null: people also type a password there. `place` stands for the client's address.
     */
    recordFailedSignIn: ({ user, via, address, at }: Author, place: string): Promise<void> =>
      transact(db, async (trx) => {
        const key = `${Math.floor(at / MINUTE_MS)} ${via} ${place}`;
        await sql`
          INSERT INTO audit (at, action, username, via, address, count, details, sign_in_key)
          VALUES (${at}, 'sign-in-failed', ${user}, ${via}, ${address}, 1, '{}', ${key})
          ON CONFLICT (sign_in_key) WHERE sign_in_key IS NOT NULL DO UPDATE SET
            count = audit.count + 1, username = CASE WHEN audit.username = excluded.username THEN audit.username END`.execute(
          trx,
        );
      }),
  };
}

/** Writes in the change's own transaction. Resolves to the row's key. A change without an author is the service's own, and has no row. */
export async function writeAudit(trx: Db, author: Author | undefined, change: AuditChange): Promise<number | null> {
  if (author === undefined) return null;
  const { user, via, address, at } = author;
  const { action, callback, count = null, details = {} } = change;
  const who = { at, username: user, via, address };
  const what = { action, callback_id: callback?.id ?? null, callback_name: callback?.name ?? null, count };
  const row = { ...who, ...what, details: JSON.stringify(details), sign_in_key: null };
  return (await trx.insertInto("audit").values(row).returning("seq").executeTakeFirstOrThrow()).seq;
}

/** Writes what may happen many times: if the newest entry says the same and is less than a minute old, its count grows instead. */
export async function countInAudit(
  trx: Db,
  author: Author | undefined,
  change: AuditChange & { readonly count: number },
): Promise<void> {
  if (author === undefined || change.count === 0) return;
  const newest = await trx.selectFrom("audit").selectAll().orderBy("seq", "desc").limit(1).executeTakeFirst();
  const entry = newest && toEntry(newest);
  const { callback, details = {} } = change;
  const isSame =
    entry?.action === change.action &&
    [entry.user, entry.via, entry.address].join("\n") === [author.user, author.via, author.address].join("\n") &&
    entry.callbackId === (callback?.id ?? null) &&
    JSON.stringify(entry.details) === JSON.stringify(details) &&
    Math.abs(author.at - entry.at) < MINUTE_MS;
  if (isSame) await addToAudit(trx, newest?.seq ?? null, change.count);
  else await writeAudit(trx, author, change);
}

/** Adds to the row's count what a later transaction of the same change has done. */
export async function addToAudit(trx: Db, seq: number | null, count: number): Promise<void> {
  if (seq !== null && count > 0) await sql`UPDATE audit SET count = count + ${count} WHERE seq = ${seq}`.execute(trx);
}

export async function removeAuditEntry(trx: Db, seq: number | null): Promise<void> {
  if (seq !== null) await trx.deleteFrom("audit").where("seq", "=", seq).execute();
}

/** Says which calls were named by their ids. */
export function namedCalls(callIds: readonly string[]): AuditDetails {
  const [callId = "", ...others] = callIds;
  if (others.length === 0) return { callId };
  return {
    callIdsDigest: createHash("sha256")
      .update([...callIds].sort().join("\n"))
      .digest("hex"),
  };
}

/** A longer text of a filter isn't kept. Six of them fit into an entry. */
const MAX_FILTER_TEXT = 256;
const MAX_FILTER_BYTES = 1_024;

/** Says which calls a filter selected. `markedAt` says that they were those of one mark, which was taken back. */
export function filteredCalls(filter: CallFilter): AuditDetails {
  const { markedAt } = filter;
  const texts = Object.entries(filterParameters(filter)).map(([name, text]) => [
    name,
    text.length > MAX_FILTER_TEXT || jsonBytes(text) > MAX_FILTER_BYTES ? `(${text.length} characters)` : text,
  ]);
  return {
    filter: { ...Object.fromEntries(texts), ...(markedAt !== undefined && { markedAt: new Date(markedAt).toISOString() }) },
  };
}

/** Resolves to the number of removed rows. */
export async function removeAudit(trx: Db, before: number, limit: number): Promise<number> {
  const old = sql`SELECT seq FROM audit WHERE at < ${before} ORDER BY at, seq LIMIT ${Math.max(0, limit)}`;
  const { numAffectedRows } = await sql`DELETE FROM audit WHERE seq IN (${old})`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}

const ROWS_AT_ONCE = 500;

/** Resolves to the keys of entries whose filter has a value of this kind. */
export async function findInFilters(db: Db, isWanted: (value: string) => boolean): Promise<readonly number[]> {
  const found: number[] = [];
  for (let after = -1; ; ) {
    const page = db.selectFrom("audit").select(["seq", "details"]).where("seq", ">", after).orderBy("seq").limit(ROWS_AT_ONCE);
    const rows = await page.execute();
    for (const { seq, details } of rows) if (Object.values(parseDetails(details).filter ?? {}).some(isWanted)) found.push(seq);
    const last = rows.at(-1);
    if (last === undefined) return found;
    after = last.seq;
  }
}

/** Erases such values in one transaction. */
export async function eraseInFilters(db: Db, seqs: readonly number[], isWanted: (value: string) => boolean): Promise<void> {
  await transact(db, async (trx) => {
    const { rows } = await sql<Pick<Row<"audit">, "seq" | "details">>`
      SELECT seq, details FROM audit WHERE seq ${inList(seqs, "bigint")}`.execute(trx);
    for (const { seq, details } of rows) {
      const { filter = {}, ...others } = parseDetails(details);
      const erased = Object.entries(filter).map(([name, value]) => [name, isWanted(value) ? "(erased)" : value]);
      const written = JSON.stringify({ ...others, filter: Object.fromEntries(erased) });
      await trx.updateTable("audit").set({ details: written }).where("seq", "=", seq).execute();
    }
  });
}

const NEWEST_FIRST = [
  { column: "at", descending: true },
  { column: "seq", descending: true },
];

async function listAudit(db: Db, query: AuditQuery): Promise<Page<AuditEntry>> {
  const { callback, user, since } = query;
  const conditions: RawBuilder<unknown>[] = [sql`true`];
  if (callback !== undefined) conditions.push(sql`(callback_id = ${callback} OR callback_name = ${callback})`);
  if (user !== undefined) conditions.push(sql`username = ${user}`);
  if (since !== undefined) conditions.push(sql`at >= ${since}`);
  const page = await readPage(db, query, {
    select: sql<Row<"audit">>`SELECT * FROM audit`,
    table: sql`audit`,
    matching: sql.join(conditions, sql` AND `),
    keys: NEWEST_FIRST,
    valuesOf: ({ at, seq }) => [at, seq],
  });
  return { ...page, items: page.items.map(toEntry) };
}

function toEntry(row: Row<"audit">): AuditEntry {
  return {
    id: String(row.seq),
    at: row.at,
    action: row.action,
    user: row.username,
    via: row.via,
    address: row.address,
    callbackId: row.callback_id,
    callback: row.callback_name,
    count: row.count,
    details: parseDetails(row.details),
  };
}

function parseDetails(text: string): AuditDetails {
  return JSON.parse(text);
}
