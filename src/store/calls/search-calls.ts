/** Finds calls of all callbacks for the console. No index helps with senders and messages, so calls are read in short steps. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { type Call, idKey } from "../../domain/call.js";
import type { Clock } from "../../platform/clock.js";
import type { Db } from "../schema.js";
import { inList } from "../sql/batches.js";
import { isPostgres, jsonPart, perDatabase } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import { EMAIL_INDEX, NUMBER_INDEXES, readCalls } from "./call-row.js";
import { firstTextAfter, OF_CALLBACKS } from "./find-calls.js";
import { type InTurn, MESSAGE_KEY } from "./scan-calls.js";

/** What is left out isn't looked for. A call needs to match one. */
export interface WantedCalls {
  /** The end of a call's id. */
  readonly idEnd?: string;
  /** Digits without a leading zero, compared from the end. There are at least SHORTEST_NUMBER. */
  readonly number?: string;
  readonly email?: string;
  readonly messageId?: string;
}

export const SHORTEST_NUMBER = 8;
/** A longer text isn't a number or an e-mail address. To compare it would hold up the process, and nothing could have a turn meanwhile. */
const LONGEST_SENDER = 400;

/**
 * Ids are read first, the last in their order first: of generated ones, these are the newest. Then the calls are read, newest first. `read`
 * counts the ids or calls so far.
 */
export type SearchPlace = { readonly read: number } & ({ readonly beforeId: string | null } | { readonly beforeSeq: number });

export interface CallSearch {
  readonly wanted: WantedCalls;
  readonly from: SearchPlace;
  readonly limit: number;
  /** The search ends after this time, perhaps without a result, and can go on. */
  readonly budgetMs: number;
  /** Larger responses are left out of the calls. */
  readonly maxResponseBytes: number;
  readonly inTurn: InTurn;
}

export interface SearchedCalls {
  readonly calls: readonly Call[];
  /** `next` is null at the end. */
  readonly next: SearchPlace | null;
  /** So many ids, or calls, were read since the search began; at the end, calls. */
  readonly read: number;
  /** There are so many calls. */
  readonly total: number;
}

export const SEARCH_START: SearchPlace = { beforeId: null, read: 0 };

export function callFinder(db: Db, clock: Clock) {
  return {
    /** Resolves to the calls with this id, or with ids that begin with it. */
    findByIdStart: (start: string, limit: number, maxResponseBytes: number): Promise<readonly Call[]> =>
      findByIdStart(db, start, limit, maxResponseBytes),

    /** Reads on from a place until the limit or the budget is reached. A call that arrives meanwhile isn't met. */
    search: (search: CallSearch): Promise<SearchedCalls> => searchCalls(db, clock, search),
  };
}

interface Hit {
  readonly seq: number;
  readonly id: string;
  readonly callback_id: string;
}

async function findByIdStart(db: Db, start: string, limit: number, maxResponseBytes: number): Promise<readonly Call[]> {
  const hits: Hit[] = [];
  for (const text of new Set([idKey(start), ...idSpellings(start)])) {
    const { rows } = await executeByIndex(
      db,
      sql<Hit>`
      SELECT calls.seq, calls.id, callbacks.id AS callback_id FROM calls ${OF_CALLBACKS}
      WHERE calls.id >= ${text} AND calls.id < ${firstTextAfter(text)} ORDER BY calls.id LIMIT ${limit - hits.length}`,
    );
    hits.push(...rows.filter(({ seq }) => !hits.some((hit) => hit.seq === seq)));
  }
  return readHits(db, hits, maxResponseBytes);
}

/** Generated ids are stored in upper case and without dashes, and others as they were given. */
function idSpellings(part: string): readonly string[] {
  return /^[\da-f-]+$/i.test(part) ? [part, part.replaceAll("-", "").toUpperCase()].filter((text) => text !== "") : [part];
}

/** The newest comes first. */
async function readHits(db: Db, hits: readonly Hit[], maxResponseBytes: number): Promise<readonly Call[]> {
  const calls: Call[] = [];
  for (const callbackId of new Set(hits.map(({ callback_id }) => callback_id))) {
    const seqs = hits.filter(({ callback_id }) => callback_id === callbackId).map(({ seq }) => seq);
    calls.push(...(await readCalls(db, callbackId, sql`FROM calls WHERE seq ${inList(seqs, "bigint")}`, maxResponseBytes)));
  }
  return calls.sort((one, other) => other.seq - one.seq);
}

/** A step takes about so long; a slow machine takes some times as long. PostgreSQL's steps don't hold up this process. */
const STEP_MS = 5;
const POSTGRES_STEP_MS = 50;
const FIRST_ROWS = 500;
const MAX_ROWS = 50_000;
/** A step reads so much of responses. One larger response may exceed it. */
const STEP_BYTES = 1024 * 1024;

async function searchCalls(db: Db, clock: Clock, search: CallSearch): Promise<SearchedCalls> {
  const { wanted, limit, inTurn } = search;
  const endsAtMs = clock.monotonicMs() + search.budgetMs;
  const stepMs = isPostgres(db) ? POSTGRES_STEP_MS : STEP_MS;
  const hits: Hit[] = [];
  let place = firstPlace(search);
  let { read } = search.from;
  for (let rows = FIRST_ROWS; place !== null && hits.length < limit && clock.monotonicMs() < endsAtMs; ) {
    const beganAtMs = clock.monotonicMs();
    const from: SearchPlace = place;
    const step = await inTurn(() => readStep(db, wanted, from, Math.round(rows), limit - hits.length));
    hits.push(...step.hits.filter(({ seq }) => !hits.some((hit) => hit.seq === seq)));
    place = step.next;
    read = place?.read ?? step.read;
    rows = Math.min(Math.max(rows * Math.min(Math.max(stepMs / (clock.monotonicMs() - beganAtMs), 0.25), 2), 1), MAX_ROWS);
    await clock.nextTurn();
  }
  return { calls: await readHits(db, hits, search.maxResponseBytes), next: place, read, total: await countAll(db) };
}

/** Returns null if nothing is wanted that could be found there. */
function firstPlace({ wanted, from }: CallSearch): SearchPlace | null {
  const next = afterIds(wanted);
  if ("beforeId" in from) return wanted.idEnd === undefined ? next : from;
  return next && from;
}

/** Returns where to go on once all ids were read. */
function afterIds({ number, email, messageId }: WantedCalls): SearchPlace | null {
  const readsCalls = number !== undefined || email !== undefined || messageId !== undefined;
  return readsCalls ? { beforeSeq: Number.MAX_SAFE_INTEGER, read: 0 } : null;
}

interface Step {
  readonly hits: readonly Hit[];
  readonly next: SearchPlace | null;
  /** So many ids, or calls, were read up to here. */
  readonly read: number;
}

function readStep(db: Db, wanted: WantedCalls, from: SearchPlace, rows: number, limit: number): Promise<Step> {
  return "beforeId" in from ? readIds(db, wanted, from, rows, limit) : readBefore(db, wanted, from, rows, limit);
}

type Place<Key extends string> = Extract<SearchPlace, { readonly [Name in Key]: unknown }>;

/** Reads nothing but the index of ids until one matches, which is some times faster than reading calls. */
async function readIds(db: Db, wanted: WantedCalls, from: Place<"beforeId">, rows: number, limit: number): Promise<Step> {
  const before = from.beforeId === null ? sql`true` : sql`calls.id < ${from.beforeId}`;
  const { rows: ends } = await executeByIndex(
    db,
    sql<{ id: string }>`SELECT id FROM calls WHERE ${before} ORDER BY id DESC LIMIT 1 OFFSET ${rows - 1}`,
  );
  const first = ends[0]?.id ?? null;
  const since = (id: string | null) => sql`${before} AND ${id === null ? sql`true` : sql`calls.id >= ${id}`}`;
  const { rows: hits } = await executeByIndex(
    db,
    sql<Hit>`
    SELECT calls.seq, calls.id, callbacks.id AS callback_id FROM calls ${OF_CALLBACKS}
    WHERE ${since(first)} AND ${endsWith(wanted.idEnd ?? "")} ORDER BY calls.id DESC LIMIT ${limit}`,
  );
  const isCut = hits.length === limit;
  const end = isCut ? (hits.at(-1)?.id ?? first) : first;
  const isFull = first !== null && !isCut;
  const read = from.read + (isFull ? rows : await countWhere(db, since(end)));
  return { hits, next: end === null ? afterIds(wanted) : { beforeId: end, read }, read };
}

/** Compares once with all spellings of the same length, which is half the time. */
function endsWith(end: string): RawBuilder<SqlBool> {
  const spellings = new Set(idSpellings(end));
  const lengths = new Set(Array.from(spellings, ({ length }) => length));
  const isEnd = Array.from(lengths, (length) => {
    const texts = [...spellings].filter((text) => text.length === length);
    return sql`substr(calls.id, length(calls.id) - ${sql.lit(length - 1)}) IN (${sql.join(texts)})`;
  });
  return sql`(${sql.join(isEnd, sql` OR `)})`;
}

async function readBefore(db: Db, wanted: WantedCalls, from: Place<"beforeSeq">, rows: number, limit: number): Promise<Step> {
  const { beforeSeq } = from;
  const { rows: sizes } = await executeByIndex(
    db,
    sql<{ first: number | null; count: number; bytes: number | null }>`
    SELECT min(seq) AS first, count(*) AS count, sum(bytes) AS bytes
    FROM (SELECT seq, octet_length(response) AS bytes FROM calls WHERE seq < ${beforeSeq} ORDER BY seq DESC LIMIT ${rows}) AS part`,
  );
  const { first = null, count = 0, bytes } = sizes[0] ?? {};
  if (first === null) return { hits: [], next: null, read: from.read };
  if (count > 1 && (bytes ?? 0) > STEP_BYTES) return readBefore(db, wanted, from, Math.ceil(count / 4), limit);
  const { rows: hits } = await executeByIndex(
    db,
    sql<Hit>`
    SELECT calls.seq, calls.id, callbacks.id AS callback_id FROM calls ${OF_CALLBACKS}
    WHERE calls.seq < ${beforeSeq} AND calls.seq >= ${first} AND ${isWanted(wanted)} ORDER BY calls.seq DESC LIMIT ${limit}`,
  );
  const isCut = hits.length === limit;
  const end = isCut ? (hits.at(-1)?.seq ?? first) : first;
  const read = from.read + (isCut ? await countWhere(db, sql`seq < ${beforeSeq} AND seq >= ${end}`) : count);
  return { hits, next: isCut || count === rows ? { beforeSeq: end, read } : null, read };
}

async function countWhere(db: Db, which: RawBuilder<unknown>): Promise<number> {
  const { rows } = await executeByIndex(db, sql<{ count: number }>`SELECT count(*) AS count FROM calls WHERE ${which}`);
  return rows[0]?.count ?? 0;
}

/** The counters have calls of deleted callbacks until these are removed, which are read too. */
async function countAll(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`SELECT coalesce(sum(count), 0) AS count FROM call_counts`.execute(db);
  return rows[0]?.count ?? 0;
}

function isWanted({ number, email, messageId }: WantedCalls): RawBuilder<SqlBool> {
  const alternatives: RawBuilder<SqlBool>[] = [];
  const ofSender = (index: number, isSame: (text: RawBuilder<unknown>) => RawBuilder<SqlBool>): void => {
    const text = jsonPart("response", index);
    alternatives.push(sql`(length(${text}) <= ${sql.lit(LONGEST_SENDER)} AND ${isSame(text)})`);
  };
  if (number !== undefined) for (const index of NUMBER_INDEXES) ofSender(index, (text) => isNumber(text, number));
  if (email !== undefined) ofSender(EMAIL_INDEX, (text) => sql`lower_case(${text}) = ${email.toLowerCase()}`);
  if (messageId !== undefined) alternatives.push(sql`${MESSAGE_KEY} = ${idKey(messageId)}`);
  return sql`(${sql.join(alternatives, sql` OR `)})`;
}

/** One ends with the other, so that it doesn't matter which has its country. */
function isNumber(text: RawBuilder<unknown>, number: string): RawBuilder<SqlBool> {
  const digits = sql`ltrim(${perDatabase({
    sqlite: sql`only_digits(${text})`,
    postgres: () => sql`regexp_replace(${text}, '[^0-9]', '', 'g')`,
  })}, '0')`;
  const isLonger = sql`substr(${digits}, length(${digits}) - ${sql.lit(number.length - 1)}) = ${number}`;
  const shorter = Array.from({ length: number.length - SHORTEST_NUMBER }, (_, cut) => number.slice(cut + 1));
  const isSame = shorter.length === 0 ? isLonger : sql`(${isLonger} OR ${digits} ${inList(shorter, "text")})`;
  // Most numbers differ in the last digit, which needs no copy of the text.
  const last = sql`substr(${text}, length(${text}))`;
  const mayBeSame = sql`(${last} = ${number.slice(-1)} OR ${last} NOT IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))`;
  return sql`(${text} <> '' AND ${mayBeSame} AND ${isSame})`;
}
