/** Only those set: a later version can change a default. */
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "../domain/service-settings.js";
import type { Db } from "./schema.js";
import type { SettingsStore } from "./store.js";

const ROW_NAME = "service-settings";

export function settingsStore(db: Db): SettingsStore {
  return {
    readSettings: async () => ({ ...DEFAULT_SERVICE_SETTINGS, ...(await readStored(db)) }),
    saveSettings: (changes) =>
      db.transaction().execute(async (trx) => {
        const stored = { ...(await readStored(trx)), ...changes };
        const value = Buffer.from(JSON.stringify(stored));
        await trx
          .insertInto("settings")
          .values({ name: ROW_NAME, value })
          .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
          .execute();
      }),
  };
}

async function readStored(db: Db): Promise<Partial<ServiceSettings>> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", ROW_NAME).executeTakeFirst();
  return row === undefined ? {} : parseStored(JSON.parse(Buffer.from(row.value).toString()));
}

/** Ignores non-numbers and unknown settings. */
function parseStored(stored: Readonly<Record<string, unknown>>): Partial<ServiceSettings> {
  const entries = Object.keys(DEFAULT_SERVICE_SETTINGS).map((name) => [name, stored[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => typeof value === "number"));
}
