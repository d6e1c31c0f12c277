import { sql } from "kysely";
import { ERASED } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import type { MessageResponse } from "../../domain/message-response.js";
import { recordChanges } from "../change-log.js";
import { lockLiveCallbacks } from "../nodes/fences.js";
import { type Db, NEVER } from "../schema.js";
import { batchOf, inList, insertNewCalls } from "../sql/batches.js";
import { crossJoin, perDatabase } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";
import { CountChanges } from "./call-counts.js";
import { encodeResponse } from "./call-row.js";

export interface NewCall {
  readonly id: string;
  readonly response: MessageResponse;
}

export interface SubmittedCalls {
  readonly callbackId: string;
  readonly calls: readonly NewCall[];
}

/** This many characters, as a thousand large responses would exceed the longest string. */
const MAX_INSERT_LENGTH = 8 * 1024 * 1024;

const NEW_CALL = { callback_key: "bigint", id: "text", message_id: "text", channel: "text", response: "text" } as const;

const NEW_STATE = { status: "PENDING", attempt_count: 0, attempted_at: NEVER, failed_in_recovery: 0 };

type NewRow = Readonly<Record<keyof typeof NEW_CALL, string | number>>;

export function callAcceptance(db: Db) {
  return {
    /**
     * Stores calls in one transaction and in the order given; they are on disk when it resolves, to the new ids. Existing calls
     * stay. Throws `not-found` for a callback, and `invalid` for an id that another response has.
     */
    accept: (submissions: readonly SubmittedCalls[], now: number): Promise<readonly string[]> =>
      transact(db, (trx) => acceptCalls(trx, submissions, now)),
  };
}

async function acceptCalls(trx: Db, submissions: readonly SubmittedCalls[], now: number): Promise<readonly string[]> {
  const keys = await lockCallbacks(trx, submissions);
  const before = await readLastSeq(trx);
  const same = { ...NEW_STATE, accepted_at: now, changed_at: now };
  let accepted = 0;
  for (const rows of chunksOf(submissions, keys)) {
    const inserted = await insertNewCalls(trx, same, rows);
    if (inserted < rows.length) await rejectOtherResponses(trx, rows);
    accepted += inserted;
  }
  const all = submissions.flatMap(({ callbackId, calls }) =>
    calls.map(({ id }) => ({ id, callback_key: keyOf(keys, callbackId) })),
  );
  const areAllNew = accepted === all.length;
  const added = areAllNew ? all : await findInserted(trx, all, before);
  const changes = new CountChanges();
  for (const { callback_key } of added) changes.add(callback_key, "PENDING", 1);
  await changes.save(trx);
  // Dispatchers, also of other nodes, find what is new by these.
  await recordChanges(trx, [...keys.keys()]);
  return added.map(({ id }) => id);
}

type CallbackKeys = ReadonlyMap<string, number>;

async function lockCallbacks(trx: Db, submissions: readonly SubmittedCalls[]): Promise<CallbackKeys> {
  const ids = [...new Set(submissions.map(({ callbackId }) => callbackId))];
  const callbacks = await lockLiveCallbacks(trx, ids);
  const missing = ids.find((id) => !callbacks.has(id));
  if (missing !== undefined) throw new WhcbError("not-found", `No callback ${missing}`);
  return new Map(Array.from(callbacks, ([id, { key }]) => [id, key]));
}

function keyOf(keys: CallbackKeys, callbackId: string): number {
  return keys.get(callbackId) ?? Number.NaN;
}

/** Keeps only one chunk in memory. */
function* chunksOf(submissions: readonly SubmittedCalls[], keys: CallbackKeys): Generator<readonly NewRow[]> {
  let rows: NewRow[] = [];
  let length = 0;
  for (const { callbackId, calls } of submissions) {
    const key = keyOf(keys, callbackId);
    for (const { id, response } of calls) {
      const { messageId, responseMessage } = response;
      const encoded = JSON.stringify(encodeResponse(response));
      if (rows.length > 0 && length + encoded.length > MAX_INSERT_LENGTH) {
        yield rows;
        rows = [];
        length = 0;
      }
      rows.push({ callback_key: key, id, message_id: messageId, channel: responseMessage.channel, response: encoded });
      length += encoded.length;
    }
  }
  if (rows.length > 0) yield rows;
}

interface AddedCall {
  readonly id: string;
  readonly callback_key: number;
}

/** A repeated submission is the same response. Of an erased one, the message and the channel are left to compare. */
async function rejectOtherResponses(db: Db, rows: readonly NewRow[]): Promise<void> {
  const other = await sql<{ id: string; isForeign: number }>`
    SELECT calls.id, CASE WHEN calls.callback_key <> batch.callback_key THEN 1 ELSE 0 END AS "isForeign"
    FROM ${batchOf(NEW_CALL, rows)} ${crossJoin} calls ON calls.id = batch.id
    WHERE calls.callback_key <> batch.callback_key OR calls.message_id <> batch.message_id OR calls.channel <> batch.channel
      OR (calls.response <> batch.response AND (status_code IS NOT NULL OR status_message IS DISTINCT FROM ${ERASED}))`.execute(
    db,
  );
  if (other.rows.length === 0) return;
  const foreign = new Map<unknown, boolean>(other.rows.map(({ id, isForeign }) => [id, isForeign === 1]));
  const first = rows.find(({ id }) => foreign.has(id));
  throw new WhcbError(
    "invalid",
    `The id ${first?.id} belongs to another ${foreign.get(first?.id) ? "callback's call" : "response"}`,
  );
}

/** Resolves to 0 if there is no call. */
async function readLastSeq(db: Db): Promise<number> {
  const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM calls`.execute(db);
  return rows[0]?.seq ?? 0;
}

/** Finds the calls that this transaction inserted: RETURNING would cost as much as the insert itself. */
async function findInserted(db: Db, calls: readonly AddedCall[], before: number): Promise<readonly AddedCall[]> {
  const areTheirs = inList(
    calls.map(({ id }) => id),
    "text",
  );
  const { rows } = await sql<AddedCall>`${perDatabase({
    sqlite: sql`SELECT id, callback_key FROM calls WHERE seq > ${before} ORDER BY seq`,
    postgres: () => sql`
      SELECT id, callback_key FROM calls
      WHERE id ${areTheirs} AND xmin = pg_current_xact_id()::xid ORDER BY seq`,
  })}`.execute(db);
  return rows;
}
