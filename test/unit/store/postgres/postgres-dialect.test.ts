import { Kysely, sql } from "kysely";
import type { Pool } from "pg";
import { expect, it } from "vitest";
import { postgresDialect } from "../../../../src/store/postgres/postgres-dialect.js";

/** Opens one connection, whose statements that contain `failing` fail. It notes what it was asked, and whether it was closed. */
function open(failing: string, error: Error) {
  const asked: string[] = [];
  const closed: unknown[] = [];
  const client = {
    async query(text: string) {
      asked.push(text.split(";")[0] ?? "");
      if (text.includes(failing)) throw error;
      return { command: text, rowCount: 0, rows: [] };
    },
    release: (isBroken: unknown) => void closed.push(isBroken),
  };
  const pool = { connect: async () => client, end: async () => {} };
  return { db: new Kysely<object>({ dialect: postgresDialect(pool as unknown as Pool) }), asked, closed };
}

const FROM_SERVER = Object.assign(new Error("canceling statement due to user request"), { severity: "ERROR" });

it.each([
  ["a statement fails", "SELECT 1", FROM_SERVER, ["BEGIN", "SELECT 1", "ROLLBACK"], false],
  ["a transaction begins only half: it would stay open for the next user", "BEGIN", FROM_SERVER, ["BEGIN"], true],
  ["a statement isn't answered: a ROLLBACK wouldn't be either", "SELECT 1", new Error("timeout"), ["BEGIN", "SELECT 1"], true],
])("a connection is closed only if it can't be used: %s", async (_, failing, error, asked, isClosed) => {
  const connection = open(failing, error);
  const work = connection.db.transaction().execute((trx) => sql`SELECT 1`.execute(trx));
  await expect(work).rejects.toBe(error);
  expect(connection).toMatchObject({ asked, closed: [isClosed] });
});
