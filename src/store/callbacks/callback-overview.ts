/** Lists callbacks for people: the most severe first, with the numbers of all. */
import { sql } from "kysely";
import type { CallStatus } from "../../domain/call.js";
import {
  type Callback,
  endpointHealth,
  HEALTH_NAMES,
  type Health,
  type HealthFacts,
  type HealthName,
  type OldestWaiting,
  runningPause,
} from "../../domain/callback.js";
import { type EndpointStatus, NEW_ENDPOINT } from "../../domain/endpoint.js";
import type { Clock } from "../../platform/clock.js";
import { type Position, readCursor, type SortKey, type Values, writeCursor } from "../keyset.js";
import type { ReadOldestWaiting } from "../outcomes/oldest-waiting.js";
import type { Page, PageQuery, Sort } from "../paging.js";
import type { Db } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { inList } from "../sql/batches.js";
import { readJsonRows, readRows } from "../sql/json-rows.js";
import { type CallbackRow, toCallback } from "./callback-row.js";
import { type NamedCallback, namedCallbacks } from "./named-callbacks.js";

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
  const readNamed = namedCallbacks(db, clock);
  const readAll = shareReadings(async () => {
    const named = await readNamed();
    const facts = await readFacts(db);
    const oldest = await readOldestWaiting([...facts].flatMap(([key, { waiting }]) => (waiting > 0 ? [key] : [])));
    const now = clock.now();
    return named.map((each) => toRow(each, oldest.get(each.key) ?? null, now, facts.get(each.key)));
  });
  return {
    /** Reads a page and the counts: what is known to be wrong, and of the names only those that have changed. */
    listOverview: (query: OverviewQuery): Promise<Overview> => listOverview(db, cipher, readAll, query),
  };
}

/** At most one reading is in progress. All who ask meanwhile share the next one, because they may have written what this one lacks. */
function shareReadings<Result>(read: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<void> = Promise.resolve();
  let next: Promise<Result> | null = null;
  return () => {
    if (next !== null) return next;
    const shared = last.then(() => {
      next = null;
      return read();
    });
    next = shared;
    last = shared.then(
      () => undefined,
      () => undefined,
    );
    return shared;
  };
}

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
  readAll: () => Promise<readonly Row[]>,
  query: OverviewQuery,
): Promise<Overview> {
  const { cursor, text } = query;
  const keys = sortKeys(query.sort);
  const position = cursor === undefined ? null : readCursor(keys, cursor);
  const all = await readAll();
  const found = text === "" ? null : await findByText(db, text);
  const { rows, ...page } = choosePage(all, found, { ...query, keys, position });
  return { items: await readItems(db, cipher, rows), ...page };
}

interface Choice extends OverviewQuery {
  readonly keys: readonly RowKey[];
  readonly position: Position | null;
}

/** Many requests may wait for the database at once, so none keeps more than the page. */
function choosePage(all: readonly Row[], found: ReadonlySet<number> | null, { keys, position, health, ...query }: Choice) {
  const counts = Object.fromEntries(HEALTH_NAMES.map((name) => [name, 0])) as Record<HealthName, number>;
  const withText = all.filter(({ key }) => found?.has(key) ?? true);
  for (const row of withText) counts[row.health] += 1;
  const listed = withText.filter((row) => health === null || row.health === health);
  listed.sort((one, other) => compare(keys, one, other));
  const offset = position === null ? query.offset : countUpTo(listed, keys, position.values);
  const end = offset + query.limit;
  const rows = listed.slice(offset, end);
  const last = end < listed.length ? rows.at(-1) : undefined;
  const next = last && { values: keys.map(({ column }) => last[column]), offset: 0, total: null };
  return { rows, counts, total: listed.length, offset, nextCursor: next ? writeCursor(keys, next) : null };
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

interface Facts extends Omit<HealthFacts, "events" | "oldestWaiting" | "pause"> {
  readonly failed: number;
  readonly waiting: number;
}

const COLUMNS = [
  "callback_key",
  "state",
  "down_since",
  "recovering_since",
  "started_at",
  "quiet_since",
  "unrecovered_outage",
  "failed",
  "waiting",
];

type Cells = readonly [
  key: number,
  state: EndpointStatus | null,
  downSince: number | null,
  recoveringSince: number | null,
  outageStartedAt: number | null,
  quietSince: number | null,
  unrecoveredOutage: string | null,
  failed: number,
  waiting: number,
];

/** Returns by key what isn't as it is while all is well. On PostgreSQL, joins would read the tables several times. */
async function readFacts(db: Db): Promise<ReadonlyMap<number, Facts>> {
  const callsOf = (status: CallStatus) => sql`coalesce(sum(count) FILTER (WHERE status = ${sql.lit(status)}), 0)`;
  const cells = await readJsonRows<Cells>(
    db,
    { columns: COLUMNS },
    sql`FROM (
      SELECT callback_key, max(state) AS state, max(down_since) AS down_since, max(recovering_since) AS recovering_since,
        max(started_at) AS started_at, max(quiet_since) AS quiet_since, max(unrecovered_outage) AS unrecovered_outage,
        ${callsOf("FAILED")} AS failed, ${callsOf("PENDING")} AS waiting
      FROM (
        SELECT callback_key, started_at, quiet_since,
          NULL AS state, NULL AS down_since, NULL AS recovering_since, NULL AS unrecovered_outage, NULL AS status, 0 AS count
        FROM outages WHERE ended_at IS NULL
        UNION ALL SELECT callback_key, NULL, NULL, state, down_since, recovering_since, unrecovered_outage, NULL, 0
        FROM endpoints WHERE state <> 'up' OR unrecovered_outage IS NOT NULL
        UNION ALL SELECT callback_key, NULL, NULL, NULL, NULL, NULL, NULL, status, count
        FROM call_counts WHERE status IN ('FAILED', 'PENDING') AND count > 0) AS noted
      GROUP BY callback_key) AS listed`,
  );
  return new Map(
    cells.map(([key, state, downSince, recoveringSince, startedAt, quietSince, unrecoveredOutage, failed, waiting]) => [
      key,
      {
        endpoint: { state: state ?? "up", downSince, recoveringSince },
        outage: startedAt === null ? null : { startedAt, quietSince },
        ...(unrecoveredOutage !== null && { unrecoveredOutage: JSON.parse(unrecoveredOutage) }),
        failed,
        waiting,
      },
    ]),
  );
}

const CALM: Facts = { endpoint: NEW_ENDPOINT, outage: null, failed: 0, waiting: 0 };

function toRow(callback: NamedCallback, oldestWaiting: OldestWaiting | null, now: number, facts: Facts = CALM): Row {
  const { key, name, nameOrder, events } = callback;
  const { failed, waiting, ...known } = facts;
  const { health, since } = endpointHealth({ ...known, oldestWaiting, events, pause: runningPause(callback, now) });
  const severity = HEALTH_NAMES.indexOf(health);
  return { key, name, name_order: nameOrder, health, since, severity, failed, waiting, backlog: failed + waiting };
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

/** Returns their keys. */
async function findByText(db: Db, text: string): Promise<ReadonlySet<number>> {
  const isAtHost = sql`(instr(${ORIGIN}, '@') = 0 AND instr(lower(${ORIGIN}), lower(${text})) > 0)`;
  const hasText = sql`(instr(lower_case(name), ${text.toLowerCase()}) > 0 OR ${isAtHost})`;
  const cells = await readRows(db, "callbacks", ["key"], sql`FROM callbacks WHERE deleted_at IS NULL AND ${hasText}`);
  return new Set(cells.map(([key]) => key));
}
