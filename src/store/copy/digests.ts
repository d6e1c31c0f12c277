/**
 * A copy is compared by a digest for each callback, of its rows in all copied tables, computed in the same way on both databases.
 * A row's own digest is computed where the row is, so that its size doesn't matter.
 */
import { createHash, type Hash } from "node:crypto";
import type { Database } from "better-sqlite3";
import { type QueryResult, type RawBuilder, sql } from "kysely";
import type { Clock } from "../../platform/clock.js";
import type { Db } from "../schema.js";
import { executeByIndex } from "../sql/transactions.js";
import type { Column, CopiedTable } from "./copied-tables.js";
import { UNFINISHED_COPY } from "./copy-state.js";

export interface Digests {
  /** `ofCallbacks` has digests by callback key. Rows without a callback have the key null. */
  readonly ofCallbacks: ReadonlyMap<number | null, string>;
  readonly ofAll: string;
  readonly rows: ReadonlyMap<string, number>;
}

interface DigestedRow {
  readonly callback_key: number | null;
  readonly digest: string;
}

/** A row of the target has its key too. */
type TargetRow = DigestedRow & Readonly<Record<string, unknown>>;

type OnRows = (table: string, rows: number) => void;

/** Reads in the connection's transaction. */
export function digestSource(source: Database, tables: readonly CopiedTable[], clock: Clock, onRows: OnRows): Promise<Digests> {
  source.function("row_digest", { varargs: true, deterministic: true }, rowDigest);
  return digestTables(tables, onRows, async function* (table) {
    const rows = source.prepare<[], DigestedRow>(`
      SELECT ${callbackOf(table)} AS callback_key, row_digest(${table.columns.map(({ name }) => name).join(", ")}) AS digest
      FROM ${table.name} AS copied ORDER BY ${table.key.join(", ")}`);
    let page: DigestedRow[] = [];
    for (const row of rows.iterate()) {
      page.push(row);
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
      await clock.nextTurn();
    }
    yield page;
  });
}

export function digestTarget(db: Db, tables: readonly CopiedTable[], onRows: OnRows): Promise<Digests> {
  return digestTables(tables, onRows, async function* (table) {
    const keys = sql.join(table.key.map((name) => sql.ref(`copied.${name}`)));
    const columns = sql.join([
      sql`${sql.raw(callbackOf(table))} AS callback_key`,
      sql`${postgresRowDigest(table.columns)} AS digest`,
    ]);
    let after: readonly unknown[] | null = null;
    for (;;) {
      const page: QueryResult<TargetRow> = await executeByIndex(
        db,
        sql<TargetRow>`
          SELECT ${columns}, ${keys} FROM ${sql.table(table.name)} AS copied
          ${after === null ? sql`` : sql`WHERE (${keys}) > (${sql.join(after)})`} ORDER BY ${keys} LIMIT ${PAGE_ROWS}`,
      );
      yield page.rows.filter((row) => table.name !== "settings" || row.name !== UNFINISHED_COPY);
      const last = page.rows.at(-1);
      if (last === undefined) return;
      after = table.key.map((name) => last[name]);
    }
  });
}

const PAGE_ROWS = 5_000;

async function digestTables(
  tables: readonly CopiedTable[],
  onRows: OnRows,
  readPages: (table: CopiedTable) => AsyncGenerator<readonly DigestedRow[]>,
): Promise<Digests> {
  const hashes = new Map<number | null, Hash>();
  const counts = new Map<string, number>();
  for (const table of tables) {
    let count = 0;
    for await (const page of readPages(table)) {
      for (const { callback_key: key, digest: ofRow } of page) {
        const hash = hashes.get(key) ?? createHash("sha256");
        hashes.set(key, hash);
        hash.update(`${table.name} ${ofRow}\n`);
      }
      count += page.length;
      onRows(table.name, count);
    }
    counts.set(table.name, count);
  }
  const ofCallbacks = new Map(Array.from(hashes, ([key, hash]) => [key, hash.digest("hex")]));
  const all = Array.from(ofCallbacks, ([key, ofCallback]) => `${key} ${ofCallback}\n`).sort();
  return { ofCallbacks, ofAll: createHash("sha256").update(all.join("")).digest("hex"), rows: counts };
}

/** Returns SQL for both databases. */
function callbackOf({ name, columns }: CopiedTable): string {
  if (name === "callbacks") return "key";
  if (name === "attempts") return "(SELECT callback_key FROM calls WHERE seq = copied.call_seq)";
  if (name === "outage_counts") return "(SELECT callback_key FROM outages WHERE id = copied.outage_id)";
  return columns.some((column) => column.name === "callback_key") ? "callback_key" : "CAST(NULL AS bigint)";
}

/** Takes each value with its length, so two rows never have the same text. */
function rowDigest(...values: unknown[]): string {
  const parts = values.map((value) => {
    if (value === null) return "-";
    const text = Buffer.isBuffer(value) ? value.toString("hex") : storedText(String(value));
    return `${Buffer.byteLength(text)}:${text}`;
  });
  return createHash("sha256").update(parts.join("")).digest("hex");
}

/** The digest must match `rowDigest`. */
function postgresRowDigest(columns: readonly Column[]): RawBuilder<unknown> {
  const parts = columns.map(({ name, isBinary }) => {
    const column = sql.ref(`copied.${name}`);
    const text = isBinary ? sql`encode(${column}, 'hex')` : sql`${column}::text`;
    return sql`coalesce(octet_length(${text})::text || ':' || ${text}, '-')`;
  });
  return sql`encode(sha256(convert_to(pg_catalog.concat(${sql.join(parts)}), 'UTF8'::name)), 'hex')`;
}

/** PostgreSQL's text can't contain U+0000. */
export function storedText(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}
