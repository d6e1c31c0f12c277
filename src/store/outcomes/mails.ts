/** There is at most one e-mail per outage, queued in its opening transaction. */
import { sql } from "kysely";
import type { Mail, NewMail, NoticeChannel } from "../../domain/outage.js";
import type { LiveCallbacks } from "../nodes/fences.js";
import type { Db, Row } from "../schema.js";
import { inList, insertRows, valueList } from "../sql/batches.js";
import { crossJoin, isPostgres } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";

export interface StoredMail extends Mail {
  readonly sentAt: number | null;
  /** `sentBy` is null if the mail wasn't sent, or by version 0.1.0. */
  readonly sentBy: NoticeChannel | null;
  readonly nextTryAt: number | null;
  /** The last try that failed had this error. It stays once the mail is sent. */
  readonly lastError: string | null;
}

export interface MailText {
  readonly subject: string;
  readonly text: string;
}

type MailRow = Row<"mails"> & { readonly callback_id: string };

const MAILS = sql`mails ${crossJoin} callbacks ON callbacks.key = mails.callback_key`;

export function mailStore(db: Db) {
  return {
    /** Reads unsent mails that are due at `now`, oldest first. */
    async fetchQueued(now: number, limit: number): Promise<readonly Mail[]> {
      const { rows } = await sql<MailRow>`
        SELECT mails.*, callbacks.id AS callback_id FROM ${MAILS}
        WHERE next_try_at IS NOT NULL AND next_try_at <= ${now} ORDER BY mails.created_at, outage_id LIMIT ${limit}`.execute(db);
      return rows.map(toMail);
    },

    /**
     * Claims those of these mails that were due at `dueBefore` and that no other node has claimed, in one transaction: they are
     * this node's until `until`, or until recorded as sent or failed. On SQLite it gets all.
     */
    async claim(outageIds: readonly string[], dueBefore: number, until: number): Promise<ReadonlySet<string>> {
      if (!isPostgres(db)) return new Set(outageIds);
      const { rows } = await sql<{ outage_id: string }>`
        UPDATE mails SET next_try_at = ${until} WHERE outage_id IN (
          SELECT outage_id FROM mails WHERE next_try_at <= ${dueBefore} AND outage_id ${inList(outageIds, "text")}
          FOR UPDATE SKIP LOCKED)
        RETURNING outage_id`.execute(db);
      return new Set(rows.map(({ outage_id }) => outage_id));
    },

    /** Resolves to when the first is due, or the claim on it ends; or to null if none is queued. */
    async nextTryAt(): Promise<number | null> {
      const { rows } = await sql<{ at: number }>`
        SELECT next_try_at AS at FROM mails WHERE next_try_at IS NOT NULL ORDER BY next_try_at LIMIT 1`.execute(db);
      return rows[0]?.at ?? null;
    },

    /** Resolves to null if there is none, or it is past retention. */
    async find(outageId: string): Promise<StoredMail | null> {
      const { rows } = await sql<MailRow & { readonly notified_by: NoticeChannel | null }>`
        SELECT mails.*, callbacks.id AS callback_id, notified_by FROM ${MAILS} LEFT JOIN outages ON outages.id = outage_id
        WHERE outage_id = ${outageId} AND deleted_at IS NULL`.execute(db);
      const row = rows[0];
      if (row === undefined) return null;
      const { sent_at, next_try_at, last_error, notified_by } = row;
      return { ...toMail(row), sentAt: sent_at, sentBy: notified_by, nextTryAt: next_try_at, lastError: last_error };
    },

    saveText: (mail: Mail): Promise<void> => saveMailTexts(db, [mail]),

    /** Records the mail as sent, and sets the outage's `notifiedAt` and `notifiedBy`, in one transaction. */
    recordSent: (outageId: string, at: number, by: NoticeChannel): Promise<void> =>
      transact(db, async (trx) => {
        await trx.updateTable("mails").set({ sent_at: at, next_try_at: null }).where("outage_id", "=", outageId).execute();
        await trx.updateTable("outages").set({ notified_at: at, notified_by: by }).where("id", "=", outageId).execute();
      }),

    recordFailed: (outageId: string, error: string, nextTryAt: number): Promise<void> =>
      transact(db, async (trx) => {
        await trx
          .updateTable("mails")
          .set((eb) => ({ tries: eb("tries", "+", 1), last_error: error, next_try_at: nextTryAt }))
          .where("outage_id", "=", outageId)
          .where("sent_at", "is", null)
          .execute();
      }),
  };
}

/** Resolves to the outages of those that are new. */
export async function saveMails(db: Db, mails: readonly NewMail[], callbacks: LiveCallbacks): Promise<ReadonlySet<string>> {
  const rows = mails.flatMap(({ outageId, callbackId, to, subject, text, createdAt }) => {
    const callback = callbacks.get(callbackId);
    if (callback === undefined) return [];
    const queue = { created_at: createdAt, tries: 0, next_try_at: createdAt };
    return [{ outage_id: outageId, callback_key: callback.key, recipient: to, subject, text, ...queue }];
  });
  const rest = sql<{ outage_id: string }>`ON CONFLICT (outage_id) DO NOTHING RETURNING outage_id`;
  return new Set((await insertRows(db, "mails", rows, rest)).map(({ outage_id }) => outage_id));
}

/** What wasn't sent yet goes to the callback's new address. */
export async function redirectMails(db: Db, callbackKey: number, to: string): Promise<void> {
  await sql`UPDATE mails SET recipient = ${to} WHERE callback_key = ${callbackKey} AND sent_at IS NULL`.execute(db);
}

export async function* listMails(db: Db, atOnce: number): AsyncGenerator<Mail> {
  for (let after = ""; ; ) {
    const { rows } = await sql<MailRow>`
      SELECT mails.*, callbacks.id AS callback_id FROM ${MAILS}
      WHERE outage_id > ${after} ORDER BY outage_id LIMIT ${atOnce}`.execute(db);
    for (const row of rows) yield toMail(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.outage_id;
  }
}

/** Saves the texts of existing mails in one transaction. */
export async function saveMailTexts(db: Db, mails: readonly Mail[]): Promise<void> {
  await transact(db, async (trx) => {
    for (const { outageId, subject, text } of mails)
      await trx.updateTable("mails").set({ subject, text }).where("outage_id", "=", outageId).execute();
  });
}

export async function countSent(db: Db, mails: readonly Mail[], channel: NoticeChannel): Promise<number> {
  const { rows } = await sql<{ sent: number }>`
    SELECT count(*) AS sent FROM ${valueList(
      mails.map(({ outageId }) => outageId),
      "text",
    )} ${crossJoin} outages ON outages.id = batch.value
    WHERE notified_by = ${channel}`.execute(db);
  return rows[0]?.sent ?? 0;
}

function toMail(row: MailRow): Mail {
  return {
    outageId: row.outage_id,
    callbackId: row.callback_id,
    to: row.recipient,
    subject: row.subject,
    text: row.text,
    createdAt: row.created_at,
    tries: row.tries,
  };
}
