/** Interval, window and retention, in the table of settings. */
import { type RawBuilder, sql } from "kysely";
import { LONGEST_MS } from "../domain/duration.js";
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "../domain/service-settings.js";
import type { Db } from "./schema.js";
import { locked } from "./sql/per-database.js";
import { transact } from "./sql/transactions.js";
import type { SettingsStore } from "./store.js";

const SETTINGS_ROW = "service-settings";

/** Stores only those set: a later version can change a default. */
export function settingsStore(db: Db): SettingsStore {
  return {
    readSettings: async () => ({ ...DEFAULT_SERVICE_SETTINGS, ...(await readStored(db)) }),
    saveSettings: (changes) =>
      transact(db, async (trx) => {
        const stored = await readStored(trx, locked);
        const value = Buffer.from(JSON.stringify({ ...stored, ...changes }));
        if (stored === null) await trx.insertInto("settings").values({ name: SETTINGS_ROW, value }).execute();
        else await trx.updateTable("settings").set({ value }).where("name", "=", SETTINGS_ROW).execute();
      }),
  };
}

async function readStored(db: Db, lock: RawBuilder<unknown> = sql``): Promise<Partial<ServiceSettings> | null> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", SETTINGS_ROW).modifyEnd(lock).executeTakeFirst();
  return row === undefined ? null : parseSettings(JSON.parse(Buffer.from(row.value).toString()));
}

/** Ignores non-numbers and unknown settings. 0.1.0 stored windows beyond the last date, which would end every start. */
export function parseSettings(stored: Readonly<Record<string, unknown>>): Partial<ServiceSettings> {
  const entries = Object.keys(DEFAULT_SERVICE_SETTINGS).map((name) => [name, stored[name]] as const);
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === "number" ? [[name, Math.min(value, LONGEST_MS)]] : [])),
  );
}
