/** Calls as rows. */
import type { RawBuilder } from "kysely";
import type { UnreachableReason } from "../../domain/attempt.js";
import type { Call, CallProgress, CallStatus } from "../../domain/call.js";
import type { Channel } from "../../domain/message-response.js";
import { type Db, NEVER } from "../schema.js";
import { readRows } from "../sqlite/json-rows.js";
import { decodeResponse, type StoredResponse } from "./response-codec.js";

/** In the order of PROGRESS_COLUMNS. */
export type ProgressCells = readonly [
  status: CallStatus,
  attemptCount: number,
  attemptedAt: number,
  statusCode: number | null,
  statusMessage: string | null,
  error: UnreachableReason | null,
  firstFailedAt: number | null,
  dueAt: number | null,
  dueCause: "retry" | "replay" | null,
  failedInRecovery: number,
  settledBy: "dispatcher" | "user" | null,
  changedAt: number,
];

export const PROGRESS_COLUMNS = [
  ...["status", "attempt_count", "attempted_at", "status_code", "status_message", "error", "first_failed_at"],
  ...["due_at", "due_cause", "failed_in_recovery", "settled_by", "changed_at"],
];

type CallRow = readonly [
  seq: number,
  id: string,
  acceptedAt: number,
  messageId: string,
  channel: Channel,
  ...progress: ProgressCells,
  response: StoredResponse | null,
];

/** In the order of CallRow. */
const COLUMNS = ["seq", "id", "accepted_at", "message_id", "channel", ...PROGRESS_COLUMNS];

/** What an e-mail shows of such a call. */
const LEFT_OUT: StoredResponse = ["", "", "", "", "", "", "reply", "", "(too large to be shown here)", {}];

/**
 * The calls of `from`: FROM and all that follows it, in its order. All are this callback's. `mostBytes`: a response that takes more
 * is left out of its call, which then `isAbridged`.
 */
export async function readCalls(db: Db, callbackId: string, from: RawBuilder<unknown>, mostBytes?: number): Promise<Call[]> {
  const bounds = mostBytes === undefined ? {} : { mostJsonBytes: mostBytes };
  const rows = await readRows<CallRow>(db, { columns: COLUMNS, json: ["response"], ...bounds }, from);
  return rows.map((row) => toCall(row, callbackId));
}

function toCall([seq, id, acceptedAt, messageId, channel, ...more]: CallRow, callbackId: string): Call {
  const response = more[12];
  return {
    seq,
    id,
    callbackId,
    response: decodeResponse(messageId, channel, response ?? LEFT_OUT),
    ...(response === null && { isAbridged: true as const }),
    acceptedAt,
    ...toProgress(more),
  };
}

export function toProgress(cells: readonly [...ProgressCells, ...unknown[]]): CallProgress {
  const [status, attemptCount, attemptedAt, statusCode, statusMessage, error, firstFailedAt, dueAt, dueCause, ...more] = cells;
  const [failedInRecovery, settledBy, changedAt] = more;
  return {
    status,
    attemptCount,
    attemptedAt: attemptedAt === NEVER ? null : attemptedAt,
    statusCode,
    statusMessage,
    error,
    firstFailedAt,
    due: dueAt === null || dueCause === null ? null : { at: dueAt, cause: dueCause },
    failedInRecovery,
    settledBy,
    changedAt,
  };
}

export function progressCells(progress: CallProgress): ProgressCells {
  return [
    progress.status,
    progress.attemptCount,
    progress.attemptedAt ?? NEVER,
    progress.statusCode,
    progress.statusMessage,
    progress.error,
    progress.firstFailedAt,
    progress.due?.at ?? null,
    progress.due?.cause ?? null,
    progress.failedInRecovery,
    progress.settledBy,
    progress.changedAt,
  ];
}
