import { type RawBuilder, sql, type Updateable } from "kysely";
import type { Callback, CallbackSettings, Pause, SigningSecret } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Db, Row, Schema } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { inList } from "../sql/batches.js";
import { isPostgres, lockRows, perDatabase } from "../sql/per-database.js";

export type CallbackRow = Row<"callbacks">;

export function toCallback(row: CallbackRow, cipher: KeyCipher): Callback {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    auth: { type: row.auth_type, key: cipher.decrypt(row.auth_key, row.id) },
    contentType: row.content_type,
    removeHtml: row.remove_html === 1,
    retriesEnabled: row.retries_enabled === 1,
    email: row.email,
    events: { reply: row.on_reply === 1, undeliverable: row.on_undeliverable === 1 },
    signing: row.signing_secrets === null ? "disabled" : "enabled",
    signingSecrets: row.signing_secrets === null ? [] : JSON.parse(cipher.decrypt(row.signing_secrets, signingOwner(row.id))),
    createdAt: row.created_at,
    targetVersion: Buffer.from(row.auth_key).toString("base64url"),
    repairedAt: row.repaired_at,
    replayRequestedAt: row.replay_requested_at,
    replayProbeAt: row.replay_probe_at,
    pause: pauseOf(row),
  };
}

export function pauseOf(row: Pick<CallbackRow, "paused_at" | "paused_until" | "paused_by">): Pause | null {
  return row.paused_at === null ? null : { at: row.paused_at, until: row.paused_until, by: row.paused_by };
}

/** The one kind of secret must not be taken for the other. */
function signingOwner(id: string): string {
  return `${id} signing`;
}

export function settingsColumns(
  id: string,
  settings: CallbackSettings,
  signingSecrets: readonly SigningSecret[],
  cipher: KeyCipher,
) {
  return {
    name: settings.name,
    url: settings.url,
    auth_type: settings.auth.type,
    auth_key: cipher.encrypt(settings.auth.key, id),
    content_type: settings.contentType,
    remove_html: Number(settings.removeHtml),
    retries_enabled: Number(settings.retriesEnabled),
    email: settings.email,
    on_reply: Number(settings.events.reply),
    on_undeliverable: Number(settings.events.undeliverable),
    signing_secrets: signingSecrets.length === 0 ? null : cipher.encrypt(JSON.stringify(signingSecrets), signingOwner(id)),
  } satisfies Updateable<Schema["callbacks"]>;
}

/** Throws `not-found`. */
export function requireCallback(db: Db, id: string): Promise<CallbackRow> {
  return findLiveCallback(db, id, sql``);
}

async function findLiveCallback(db: Db, id: string, lock: RawBuilder<unknown>): Promise<CallbackRow> {
  const row = await db
    .selectFrom("callbacks")
    .selectAll()
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .modifyEnd(lock)
    .executeTakeFirst();
  if (row === undefined) throw new WhcbError("not-found", `No callback ${id}`);
  return row;
}

/** Does what `requireCallback` does, and locks the row, under which all about it is written (docs/adr/0012). */
export function lockCallback(trx: Db, id: string): Promise<CallbackRow> {
  return findLiveCallback(trx, id, lockRows);
}

/** Every transaction that locks several callbacks does so in this order, so none waits for another that waits for it. */
export const lockCallbacksInOrder = perDatabase({
  sqlite: sql``,
  postgres: () => sql`ORDER BY callbacks.key FOR NO KEY UPDATE OF callbacks`,
});

/** Locks these callbacks, or all of them, until the end of the transaction. */
export async function lockKeys(trx: Db, keys?: readonly number[]): Promise<void> {
  if (!isPostgres(trx)) return;
  const which = keys === undefined ? sql`` : sql`WHERE key ${inList(keys, "bigint")}`;
  await sql`SELECT key FROM callbacks ${which} ${lockCallbacksInOrder}`.execute(trx);
}
