/** A callback as a row and back, its auth key encrypted. */
import type { Insertable, Selectable } from "kysely";
import type { Callback, CallbackSettings } from "../../domain/callback.js";
import type { KeyCipher } from "../key-cipher.js";
import type { CallbackTable } from "../schema.js";

export type CallbackRow = Selectable<CallbackTable>;

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
    createdAt: row.created_at,
    repairedAt: row.repaired_at,
  };
}

/** The columns that a user's settings decide. */
export function settingsColumns(id: string, settings: CallbackSettings, cipher: KeyCipher) {
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
  } satisfies Partial<Insertable<CallbackTable>>;
}
