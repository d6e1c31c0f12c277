/** The floor of bulk accepting: multi-row INSERTs of finished rows into the same table, by the same connection settings. */
import type Database from "better-sqlite3";
import { encodeResponse } from "../../../src/store/calls/call-row.js";
import { NEVER } from "../../../src/store/schema.js";
import { migrate } from "../../../src/store/sqlite/migrations.js";
import { connect } from "../../../src/store/sqlite/open-sqlite.js";
import { contender, measureRate } from "../run/contender.js";
import { newCalls } from "../run/sample.js";

const ROWS_EACH = 100;
const ROWS_A_TRANSACTION = 1_000;

await contender<{ database: string; count: number }>(async ({ database: path, count }) => {
  const database: Database.Database = connect(path);
  migrate(database, path);
  const row = `(1, ?, 'PENDING', 0, ${NEVER}, 0, ?, ?, ?, ?, ?)`;
  const insert = database.prepare(`
    INSERT INTO calls (callback_key, accepted_at, status, attempt_count, attempted_at, failed_in_recovery, changed_at, id, message_id, channel, response)
    VALUES ${Array(ROWS_EACH).fill(row).join(", ")}`);
  const now = Date.now();
  const statements: unknown[][] = [];
  for (let done = 0; done < count; done += ROWS_EACH) {
    statements.push(
      newCalls(ROWS_EACH, now).flatMap(({ id, response }) => [
        now,
        now,
        id,
        response.messageId,
        response.responseMessage.channel,
        JSON.stringify(encodeResponse(response)),
      ]),
    );
  }
  const perTransaction = ROWS_A_TRANSACTION / ROWS_EACH;
  const insertSome = database.transaction((some: unknown[][]) => {
    for (const values of some) insert.run(...values);
  });
  const figures = await measureRate(async () => {
    for (let next = 0; next < statements.length; next += perTransaction)
      insertSome(statements.slice(next, next + perTransaction));
    return statements.length * ROWS_EACH;
  });
  database.close();
  return { ...figures };
});
