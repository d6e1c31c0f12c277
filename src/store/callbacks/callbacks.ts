import { sql } from "kysely";
import { type Author, settingChanges } from "../../domain/audit/audit-entry.js";
import {
  type Callback,
  type CallbackSettings,
  hasSameSettings,
  isRepaired,
  type Pause,
  secretsAfter,
} from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import { writeAudit } from "../audit.js";
import { CountChanges, FAILURE, NO_ANSWER } from "../calls/call-counts.js";
import { IS_HELD, laterChangeAt } from "../calls/call-row.js";
import { recordChange } from "../change-log.js";
import type { SortKey } from "../keyset.js";
import { forgetExpired } from "../outcomes/expired-calls.js";
import { redirectMails } from "../outcomes/mails.js";
import { endNoticesOfDeleted } from "../outcomes/notices.js";
import { type Page, type PageQuery, readPage, type Sort } from "../paging.js";
import { type Db, NEVER } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { crossJoin } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";
import { type CallbackRow, lockCallback, settingsColumns, toCallback } from "./callback-row.js";

export interface CallbackQuery extends PageQuery {
  readonly sort: readonly Sort<"name" | "id">[];
}

interface NewSecret {
  readonly author?: Author;
  /** The secret is taken if signing needs a new one. */
  readonly madeSecret?: string;
}

export interface CallbackChange extends NewSecret {
  /** The callback is changed only as long as it has these settings. */
  readonly expected?: CallbackSettings | undefined;
}

export function callbackStore(db: Db, cipher: KeyCipher) {
  return {
    /** Creates a callback in one transaction. Throws `duplicate-name`. */
    create: (id: string, settings: CallbackSettings, now: number, { author, madeSecret }: NewSecret = {}): Promise<Callback> =>
      transact(db, async (trx) => {
        await rejectTakenName(trx, settings, null);
        const signingSecrets = secretsAfter(settings.signing, [], madeSecret, now);
        const row = await trx
          .insertInto("callbacks")
          .values({
            id,
            ...settingsColumns(id, settings, signingSecrets, cipher),
            created_at: now,
            repaired_at: 0,
            replay_requested_at: 0,
            replay_probe_at: 0,
            paused_at: null,
            paused_until: null,
            paused_by: null,
            deleted_at: null,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        const created = toCallback(row, cipher);
        const details = { settings: settingChanges(null, created) };
        await writeAudit(trx, author, { action: "callback-created", callback: created, details });
        return created;
      }),

    /** Looks for the id first, then for the name. A deleted callback isn't found. */
    async find(idOrName: string): Promise<Callback | null> {
      const named = (column: "id" | "name") =>
        db.selectFrom("callbacks").selectAll().where(column, "=", idOrName).where("deleted_at", "is", null).executeTakeFirst();
      const row = (await named("id")) ?? (await named("name"));
      return row === undefined ? null : toCallback(row, cipher);
    },

    list: (query: CallbackQuery): Promise<Page<Callback>> => listCallbacks(db, cipher, query),

    /**
     * Changes the settings in one transaction. If retries are switched on, or the endpoint is repaired (`isRepaired`), FAILED
     * calls inside their window are due now, and `repairedAt` is set. If they are switched off, due retries are cancelled and
     * held calls are PENDING again. `madeSecret` is stored if it is needed (`secretsAfter`). Throws `not-found`, `duplicate-name`, and
     * `locked` if the settings aren't `expected`.
     */
    update: (
      id: string,
      settings: CallbackSettings,
      now: number,
      policy: RetryPolicy,
      { author, expected, madeSecret }: CallbackChange = {},
    ): Promise<Callback> =>
      transact(db, async (trx) => {
        const before = await lockCallback(trx, id);
        const stored = toCallback(before, cipher);
        if (expected !== undefined && !hasSameSettings(stored, expected)) {
          throw new WhcbError("locked", `The callback ${stored.name} was changed meanwhile`);
        }
        await rejectTakenName(trx, settings, id);
        const isSwitchedOn = settings.retriesEnabled && before.retries_enabled === 0;
        const repaired = isSwitchedOn || isRepaired(stored, settings);
        const signingSecrets = secretsAfter(settings.signing, stored.signingSecrets, madeSecret, now);
        // Encrypted again, the key is other bytes, which are the target's version.
        const isSameTarget = settings.url === stored.url && settings.auth.key === stored.auth.key;
        const columns = settingsColumns(id, settings, signingSecrets, cipher);
        const after = await trx
          .updateTable("callbacks")
          .set({
            ...columns,
            auth_key: isSameTarget ? before.auth_key : columns.auth_key,
            repaired_at: repaired ? now : before.repaired_at,
          })
          .where("key", "=", before.key)
          .returningAll()
          .executeTakeFirstOrThrow();
        if (repaired && settings.retriesEnabled) {
          await switchRetriesOn(trx, before.key, now, policy);
          await bringRetriesForward(trx, before.key, now, policy);
        }
        if (settings.email !== stored.email) await redirectMails(trx, before.key, settings.email);
        if (after.retries_enabled < before.retries_enabled) await switchRetriesOff(trx, before.key, now);
        await recordChange(trx, id);
        const changes = settingChanges(stored, settings);
        const audited = { action: "callback-changed", callback: stored, details: { settings: changes } } as const;
        if (changes.length > 0) await writeAudit(trx, author, audited);
        return toCallback(after, cipher);
      }),

    /** Pauses the callback, in place of an earlier pause, or resumes it (null), in one transaction. Throws `not-found`. */
    setPause: (id: string, pause: Pause | null, author?: Author): Promise<void> =>
      transact(db, async (trx) => {
        const row = await lockCallback(trx, id);
        const { key } = row;
        const action = pause === null ? "callback-resumed" : "callback-paused";
        const details = pause !== null && pause.until !== null ? { until: new Date(pause.until).toISOString() } : {};
        const isChanged = pause !== null || row.paused_at !== null;
        if (isChanged) await writeAudit(trx, author, { action, callback: row, details });
        const columns = { paused_at: pause?.at ?? null, paused_until: pause?.until ?? null, paused_by: pause?.by ?? null };
        await trx.updateTable("callbacks").set(columns).where("key", "=", key).execute();
        await recordChange(trx, id);
      }),

    /** Marks the callback as deleted in one transaction; `retention.purgeDeleted` removes the rows. Throws `not-found`. */
    delete: (id: string, now: number, author?: Author): Promise<void> =>
      transact(db, async (trx) => {
        const row = await lockCallback(trx, id);
        const { key } = row;
        const details = { settings: settingChanges(toCallback(row, cipher), null) };
        await writeAudit(trx, author, { action: "callback-deleted", callback: row, details });
        const erased = { auth_key: new Uint8Array(), signing_secrets: null };
        await trx
          .updateTable("callbacks")
          .set({ deleted_at: now, ...erased })
          .where("key", "=", key)
          .execute();
        await endNoticesOfDeleted(trx, key, now);
        await trx
          .updateTable("outages")
          .set({ ended_at: now })
          .where("callback_key", "=", key)
          .where("ended_at", "is", null)
          .execute();
        await recordChange(trx, id);
      }),
  };
}

async function rejectTakenName(db: Db, { name }: CallbackSettings, ownId: string | null): Promise<void> {
  const taken = await db
    .selectFrom("callbacks")
    .select("id")
    .where("name", "=", name)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (taken !== undefined && taken.id !== ownId) throw new WhcbError("duplicate-name", `A callback named ${name} already exists`);
}

async function listCallbacks(db: Db, cipher: KeyCipher, query: CallbackQuery): Promise<Page<Callback>> {
  const sort = query.sort.length === 0 ? [{ field: "name" as const, descending: false }] : query.sort;
  const keys: (SortKey & { column: "name" | "id" })[] = sort.map(({ field, descending }) => ({ column: field, descending }));
  if (!keys.some(({ column }) => column === "id")) keys.push({ column: "id", descending: keys[0]?.descending ?? false });
  const page = await readPage(db, query, {
    select: sql<CallbackRow>`SELECT * FROM callbacks`,
    table: sql`callbacks`,
    matching: sql`deleted_at IS NULL`,
    keys,
    valuesOf: (row) => keys.map(({ column }) => row[column]),
  });
  return { ...page, items: page.items.map((row) => toCallback(row, cipher)) };
}

/** docs/dispatcher.md, A call, rules 7 and 8, says what is due. The window's last instant is included. */
export async function switchRetriesOn(db: Db, callbackKey: number, now: number, policy: RetryPolicy): Promise<void> {
  await sql`
    UPDATE calls SET due_at = ${now}, due_cause = 'retry', changed_at = ${laterChangeAt(now)}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND status <> 'PENDING'
      AND due_at IS NULL AND settled_by IS NULL AND first_failed_at >= ${now - policy.windowMs}`.execute(db);
  // The window is longer than it was, or the clock was set back.
  const { rows } = await sql<{ call_seq: number }>`
    SELECT call_seq FROM expired_calls ${crossJoin} calls ON seq = call_seq
    WHERE expired_calls.callback_key = ${callbackKey} AND expired_calls.first_failed_at >= ${now - policy.windowMs} AND due_cause = 'retry'`.execute(
    db,
  );
  await forgetExpired(
    db,
    rows.map(({ call_seq }) => call_seq),
  );
}

/** The endpoint may be repaired, so its retries are due now (docs/dispatcher.md, A call, rule 8). */
async function bringRetriesForward(db: Db, callbackKey: number, now: number, policy: RetryPolicy): Promise<void> {
  await sql`
    UPDATE calls SET due_at = ${now}
    WHERE callback_key = ${callbackKey} AND due_cause = 'retry' AND due_at > ${now}
      AND first_failed_at >= ${now - policy.windowMs}`.execute(db);
}

/** Makes held calls PENDING again, also those of a requested replay. Another requested replay stays due. */
export async function switchRetriesOff(db: Db, callbackKey: number, now: number): Promise<void> {
  const changes = new CountChanges();
  const isHeld = sql`callback_key = ${callbackKey} AND ${IS_HELD}`;
  const { rows } = await sql<{ requested_at: number; calls: number }>`
    SELECT due_at AS requested_at, count(*) AS calls FROM calls
    WHERE ${isHeld} AND due_cause = 'replay' GROUP BY due_at`.execute(db);
  for (const { requested_at, calls } of rows) changes.withdrawFromReplay(callbackKey, requested_at, calls);
  // There are usually none: only what a client reported is still shown.
  const { rows: reported } = await sql<{ failure: string }>`
    SELECT ${FAILURE} AS failure FROM calls WHERE ${isHeld} AND attempt_count > 0`.execute(db);
  for (const { failure } of reported) changes.addFailed(callbackKey, failure, -1);
  const { rows: counted } = await sql<{ outage_id: string; calls: number }>`
    SELECT outage_id, count(*) AS calls FROM calls WHERE ${isHeld} AND outage_id IS NOT NULL GROUP BY outage_id`.execute(db);
  for (const { outage_id, calls } of counted) {
    changes.addFate(outage_id, "failed", -calls);
    changes.addFate(outage_id, "released", calls);
  }
  const { rows: replayed } = await sql<{ seq: number }>`SELECT seq FROM calls WHERE ${isHeld} AND due_cause = 'replay'`.execute(
    db,
  );
  const released = await sql`
    UPDATE calls
    SET status = 'PENDING', attempted_at = CASE WHEN attempt_count = 0 THEN ${NEVER} ELSE attempted_at END,
        status_message = CASE WHEN ${FAILURE} = '' THEN NULL ELSE status_message END, first_failed_at = NULL,
        due_at = NULL, due_cause = NULL, failed_in_recovery = 0, settled_by = NULL, outage_id = NULL, changed_at = ${laterChangeAt(now)}
    WHERE ${isHeld}`.execute(db);
  await sql`
    UPDATE calls SET due_at = NULL, due_cause = NULL, changed_at = ${laterChangeAt(now)}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND due_at IS NOT NULL AND due_cause = 'retry'`.execute(db);
  await forgetExpired(
    db,
    replayed.map(({ seq }) => seq),
  );
  const count = Number(released.numAffectedRows ?? 0n);
  changes.add(callbackKey, "PENDING", count);
  changes.addFailed(callbackKey, NO_ANSWER, reported.length - count);
  await changes.save(db);
}
