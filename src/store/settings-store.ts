/** The table of settings has interval, window and retention. */
import { type RawBuilder, sql } from "kysely";
import { LONGEST_MS } from "../domain/duration.js";
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "../domain/service-settings.js";
import { type DeliverySettings, readDeliverySettings } from "../wire/delivery-settings.js";
import type { Db } from "./schema.js";
import { lockRows } from "./sql/per-database.js";
import { transact } from "./sql/transactions.js";

const SETTINGS_ROW = "service-settings";

/** The calls were last sent from the database with this id. A copy of the file has it, too. */
export interface SendingDatabase {
  readonly databaseId: string;
}

type StoredSettings = ServiceSettings & DeliverySettings & SendingDatabase;

export function settingsStore(db: Db) {
  return {
    /** Reads the settings, with defaults for what isn't stored. */
    read: (): Promise<ServiceSettings> => readSettings(db),
    /** Reads those of the last `serve`. */
    readDelivery: async (): Promise<Partial<DeliverySettings & SendingDatabase>> => {
      const stored = (await readStored(db)) ?? {};
      const { databaseId } = stored;
      return { ...readDeliverySettings(stored), ...(typeof databaseId === "string" && { databaseId }) };
    },
    /** Saves these settings in one transaction. Those that aren't given stay. */
    save: (changes: Partial<StoredSettings>): Promise<void> => transact(db, (trx) => saveSettings(trx, changes)),
  };
}

export async function readSettings(db: Db): Promise<ServiceSettings> {
  return { ...DEFAULT_SERVICE_SETTINGS, ...parseSettings((await readStored(db)) ?? {}) };
}

/** Stores only those that are set, because a later version can change a default. What only a newer version knows stays. */
export async function saveSettings(trx: Db, changes: Partial<StoredSettings>): Promise<void> {
  // Nodes may start at once.
  const none = { name: SETTINGS_ROW, value: Buffer.from("{}") };
  await trx
    .insertInto("settings")
    .values(none)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const value = Buffer.from(JSON.stringify({ ...(await readStored(trx, lockRows)), ...changes }));
  await trx.updateTable("settings").set({ value }).where("name", "=", SETTINGS_ROW).execute();
}

async function readStored(db: Db, lock?: RawBuilder<unknown>): Promise<Readonly<Record<string, unknown>> | null> {
  const value = await readSetting(db, SETTINGS_ROW, lock);
  return value === null ? null : JSON.parse(value.toString());
}

/** Resolves to what the table of settings has under a name, or null. */
export async function readSetting(db: Db, name: string, lock: RawBuilder<unknown> = sql``): Promise<Buffer | null> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", name).modifyEnd(lock).executeTakeFirst();
  return row === undefined ? null : Buffer.from(row.value);
}

/** Ignores non-numbers and unknown settings. Version 0.1.0 stored windows beyond the last date, which would end every start. */
export function parseSettings(stored: Readonly<Record<string, unknown>>): Partial<ServiceSettings> {
  const entries = Object.keys(DEFAULT_SERVICE_SETTINGS).map((name) => [name, stored[name]] as const);
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === "number" ? [[name, Math.min(value, LONGEST_MS)]] : [])),
  );
}
