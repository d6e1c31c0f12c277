import { WhcbError } from "../../domain/errors.js";
import type { Db } from "../schema.js";
import type { CallbackRow } from "./callback-row.js";

/** The row of a callback that isn't deleted, by its id. Throws `not-found`. */
export async function requireCallback(db: Db, id: string): Promise<CallbackRow> {
  const row = await db
    .selectFrom("callbacks")
    .selectAll()
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) throw new WhcbError("not-found", `No callback ${id}`);
  return row;
}
