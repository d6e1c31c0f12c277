/** Lists callbacks for people: the most severe first, with the numbers of all. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { CallStatus } from "../../domain/call.js";
import {
  type Callback,
  endpointHealth,
  HEALTH_NAMES,
  type Health,
  type HealthName,
  nameOrder,
  type OldestWaiting,
} from "../../domain/callback.js";
import type { EndpointStatus } from "../../domain/endpoint.js";
import type { Clock } from "../../platform/clock.js";
import { readCursor, type SortKey, type Values, writeCursor } from "../keyset.js";
import type { ReadOldestWaiting } from "../outcomes/oldest-waiting.js";
import type { Page, PageQuery, Sort } from "../paging.js";
import type { Db } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { inList } from "../sql/batches.js";
import { readJsonRows } from "../sql/json-rows.js";
import { type CallbackRow, toCallback } from "./callback-row.js";

export interface OverviewQuery extends PageQuery {
  /** By severity, a larger backlog comes first, and then the name; by the numbers of calls, the name comes next. */
  readonly sort: Sort<"severity" | "name" | "failed" | "waiting">;
  /** The name or the URL's host contains it, in any case. */
  readonly text: string;
  readonly health: HealthName | null;
}

export interface OverviewItem extends Health {
  readonly callback: Callback;
  readonly failed: number;
  readonly waiting: number;
}

export interface Overview extends Page<OverviewItem> {
  /** `counts` are of all callbacks that have the text, whatever their state. */
  readonly counts: Readonly<Record<HealthName, number>>;
}

export function overviewStore(db: Db, cipher: KeyCipher, clock: Clock, readOldestWaiting: ReadOldestWaiting) {
  const orders = new Map<string, string>();
  const orderOf = (name: string): string => {
    const known = orders.get(name);
    if (known !== undefined) return known;
    // Names that are no longer used go this way.
    if (orders.size >= MOST_ORDERS) orders.clear();
    const order = nameOrder(name);
    orders.set(name, order);
    return order;
  };
  return {
    /** Reads a page by three statements, however many callbacks there are. */
    listOverview: (query: OverviewQuery): Promise<Overview> =>
      listOverview(db, cipher, clock, { orderOf, readOldestWaiting }, query),
  };
}

const MOST_ORDERS = 20_000;

type Cells = readonly [
  key: number,
  name: string,
  reply: number,
  undeliverable: number,
  state: EndpointStatus | null,
  downSince: number | null,
  recoveringSince: number | null,
  outageStartedAt: number | null,
  quietSince: number | null,
  failed: number,
  waiting: number,
];

const COLUMNS = [
  ...(["key", "name", "on_reply", "on_undeliverable", "state", "down_since", "recovering_since"] as const),
  ...(["started_at", "quiet_since", "failed", "waiting"] as const),
];

interface Row extends Health {
  readonly key: number;
  readonly name: string;
  readonly name_order: string;
  readonly severity: number;
  readonly failed: number;
  readonly waiting: number;
  readonly backlog: number;
}

type RowKey = SortKey & { readonly column: "severity" | "backlog" | "failed" | "waiting" | "name_order" | "name" };

function sortKeys({ field, descending }: OverviewQuery["sort"]): readonly RowKey[] {
  // A name is unique among those that aren't deleted.
  const byName = (descending: boolean): RowKey[] => [
    { column: "name_order", descending },
    { column: "name", descending },
  ];
  switch (field) {
    case "severity":
      return [{ column: "severity", descending }, { column: "backlog", descending: !descending }, ...byName(descending)];
    case "name":
      return byName(descending);
    case "failed":
    case "waiting":
      return [{ column: field, descending }, ...byName(false)];
  }
}

async function listOverview(
  db: Db,
  cipher: KeyCipher,
  clock: Clock,
  { orderOf, readOldestWaiting }: { readonly orderOf: (name: string) => string; readonly readOldestWaiting: ReadOldestWaiting },
  query: OverviewQuery,
): Promise<Overview> {
  const { limit, cursor, health } = query;
  const keys = sortKeys(query.sort);
  const position = cursor === undefined ? null : readCursor(keys, cursor);
  const cells = await readAll(db, query.text);
  // Reading and sorting 10 000 take some milliseconds each.
  await clock.nextTurn();
  const waiting = cells.filter((row) => row[10] > 0).map(([key]) => key);
  const oldest = await readOldestWaiting(waiting);
  const all = cells.map((row) => toRow(row, oldest.get(row[0]) ?? null, orderOf));
  const counts = Object.fromEntries(HEALTH_NAMES.map((name) => [name, 0])) as Record<HealthName, number>;
  for (const row of all) counts[row.health] += 1;
  const listed = health === null ? all : all.filter((row) => row.health === health);
  listed.sort((one, other) => compare(keys, one, other));
  const offset = position === null ? query.offset : countUpTo(listed, keys, position.values);
  const page = listed.slice(offset, offset + limit);
  const last = offset + limit < listed.length ? page.at(-1) : undefined;
  return {
    items: await readItems(db, cipher, page),
    counts,
    total: listed.length,
    offset,
    nextCursor: last ? writeCursor(keys, { values: keys.map(({ column }) => last[column]), offset: 0, total: null }) : null,
  };
}

type SortValues = Readonly<Partial<Record<RowKey["column"], string | number>>>;

/** Returns less than 0 if `one` comes before `other`. */
function compare(keys: readonly RowKey[], one: SortValues, other: SortValues): number {
  for (const { column, descending } of keys) {
    const [value, next] = [one[column] ?? 0, other[column] ?? 0];
    if (value !== next) return value < next === descending ? 1 : -1;
  }
  return 0;
}

/** Counts the rows up to the one that has these values, or had them. */
function countUpTo(rows: readonly Row[], keys: readonly RowKey[], values: Values): number {
  const last: SortValues = Object.fromEntries(keys.map(({ column }, index) => [column, values[index]]));
  const next = rows.findIndex((row) => compare(keys, last, row) < 0);
  return next === -1 ? rows.length : next;
}

async function readAll(db: Db, text: string): Promise<readonly Cells[]> {
  const callsOf = (status: CallStatus) =>
    sql`LEFT JOIN call_counts AS ${sql.ref(status)} ON ${sql.ref(status)}.callback_key = callbacks.key AND ${sql.ref(status)}.status = ${sql.lit(status)}`;
  return readJsonRows<Cells>(
    db,
    { columns: COLUMNS },
    sql`FROM (
      SELECT callbacks.key, name, on_reply, on_undeliverable, state, down_since, recovering_since, started_at, quiet_since,
        coalesce("FAILED".count, 0) AS failed, coalesce("PENDING".count, 0) AS waiting
      FROM callbacks
      LEFT JOIN endpoints ON endpoints.callback_key = callbacks.key
      LEFT JOIN outages ON outages.callback_key = callbacks.key AND ended_at IS NULL
      ${callsOf("FAILED")} ${callsOf("PENDING")}
      WHERE deleted_at IS NULL AND ${hasText(text)}) AS listed`,
  );
}

/** Spreading and destructuring would take most of the time of a list of 10 000. */
function toRow(cells: Cells, oldestWaiting: OldestWaiting | null, orderOf: (name: string) => string): Row {
  const startedAt = cells[7];
  const { health, since } = endpointHealth({
    endpoint: { state: cells[4] ?? "up", downSince: cells[5], recoveringSince: cells[6] },
    outage: startedAt === null ? null : { startedAt, quietSince: cells[8] },
    oldestWaiting,
    events: { reply: cells[2] === 1, undeliverable: cells[3] === 1 },
  });
  const name = cells[1];
  return {
    key: cells[0],
    name,
    name_order: orderOf(name),
    health,
    since,
    severity: HEALTH_NAMES.indexOf(health),
    failed: cells[9],
    waiting: cells[10],
    backlog: cells[9] + cells[10],
  };
}

/** A callback that was deleted meanwhile is left out. */
async function readItems(db: Db, cipher: KeyCipher, rows: readonly Row[]): Promise<OverviewItem[]> {
  const keys = rows.map(({ key }) => key);
  const found = await sql<CallbackRow>`
    SELECT * FROM callbacks WHERE deleted_at IS NULL AND key ${inList(keys, "bigint")}`.execute(db);
  const callbacks = new Map(found.rows.map((row) => [row.key, row]));
  return rows.flatMap(({ key, health, since, failed, waiting }) => {
    const row = callbacks.get(key);
    return row === undefined ? [] : [{ callback: toCallback(row, cipher), health, since, failed, waiting }];
  });
}

/**
 * The part of the URL that a search may look at, with its scheme, ends at the host. A path and a query can hold secrets, which a
 * search would find letter by letter, and so can what is before an @.
 */
const ORIGIN = sql`substr(url, 1, 7 + CAST(instr(substr(replace(replace(url, '?', '/'), '#', '/') || '/', 9), '/') AS integer))`;

function hasText(text: string): RawBuilder<SqlBool> {
  if (text === "") return sql`true`;
  const isAtHost = sql`(instr(${ORIGIN}, '@') = 0 AND instr(lower(${ORIGIN}), lower(${text})) > 0)`;
  return sql`(instr(lower_case(name), ${text.toLowerCase()}) > 0 OR ${isAtHost})`;
}
