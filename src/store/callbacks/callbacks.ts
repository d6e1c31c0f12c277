/** Callbacks: made, found, changed, deleted. */
import { type CallbackSettings, isRepaired } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { StoreContext } from "../context.js";
import type { Db } from "../schema.js";
import type { CallbackStore } from "../store.js";
import { settingsColumns, toCallback } from "./callback-row.js";
import { listCallbacks } from "./list-callbacks.js";
import { requireCallback } from "./require-callback.js";
import { switchRetriesOff, switchRetriesOn } from "./switch-retries.js";

export function callbackStore({ db, cipher }: StoreContext): CallbackStore {
  return {
    createCallback: (id, settings, now) =>
      db.transaction().execute(async (trx) => {
        await refuseTakenName(trx, settings, null);
        const row = await trx
          .insertInto("callbacks")
          .values({ id, ...settingsColumns(id, settings, cipher), created_at: now, repaired_at: 0, deleted_at: null })
          .returningAll()
          .executeTakeFirstOrThrow();
        return toCallback(row, cipher);
      }),

    async findCallback(idOrName) {
      const row = await db
        .selectFrom("callbacks")
        .selectAll()
        .where("deleted_at", "is", null)
        .where((eb) => eb.or([eb("id", "=", idOrName), eb("name", "=", idOrName)]))
        .orderBy((eb) => eb("id", "=", idOrName), "desc")
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? null : toCallback(row, cipher);
    },

    listCallbacks: (query) => listCallbacks(db, cipher, query),

    updateCallback: (id, settings, now, policy) =>
      db.transaction().execute(async (trx) => {
        const before = await requireCallback(trx, id);
        await refuseTakenName(trx, settings, id);
        const repaired = isRepaired(toCallback(before, cipher), settings);
        const after = await trx
          .updateTable("callbacks")
          .set({ ...settingsColumns(id, settings, cipher), repaired_at: repaired ? now : before.repaired_at })
          .where("key", "=", before.key)
          .returningAll()
          .executeTakeFirstOrThrow();
        if (after.retries_enabled > before.retries_enabled) await switchRetriesOn(trx, before.key, now, policy);
        if (after.retries_enabled < before.retries_enabled) await switchRetriesOff(trx, before.key, now);
        return toCallback(after, cipher);
      }),

    deleteCallback: (id, now) =>
      db.transaction().execute(async (trx) => {
        const { key } = await requireCallback(trx, id);
        await trx.updateTable("callbacks").set({ deleted_at: now, auth_key: new Uint8Array() }).where("key", "=", key).execute();
        await trx
          .updateTable("outages")
          .set({ ended_at: now })
          .where("callback_key", "=", key)
          .where("ended_at", "is", null)
          .execute();
      }),
  };
}

async function refuseTakenName(db: Db, { name }: CallbackSettings, ownId: string | null): Promise<void> {
  const taken = await db
    .selectFrom("callbacks")
    .select("id")
    .where("name", "=", name)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (taken !== undefined && taken.id !== ownId)
    throw new WhcbError("duplicate-name", `There is a callback named ${name} already`);
}
