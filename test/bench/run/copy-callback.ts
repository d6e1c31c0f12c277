/** Many callbacks or calls at once: creating them one by one would flush the disk thousands of times. */
import type Database from "better-sqlite3";
import { systemRandom, timeOrderedId } from "../../../src/platform/random.js";
import { keyCipher } from "../../../src/store/secret-key.js";
import { connect } from "../../../src/store/sqlite/open-sqlite.js";
import { CALLBACK_KEY, SECRET_KEY } from "./sample.js";

type Row = Record<string, unknown>;

/** What belongs to a callback that waits or has an outage; the attempts of its calls aren't copied. */
const TABLES = ["endpoints", "calls", "call_counts", "failure_counts", "outages"];

/** 0: the one that is copied. */
export function callbackIdOf(index: number): string {
  return index.toString(16).toUpperCase().padStart(16, "0");
}

/** Makes demo-1, demo-2 … of the callback that is there, each with an id, a key and calls of its own. */
export function copyCallback(path: string, copies: number): void {
  if (copies === 0) return;
  const database = connect(path);
  database.pragma("synchronous = OFF");
  const cipher = keyCipher(SECRET_KEY);
  const [{ key: _, ...callback } = {}] = rowsOf(database, "callbacks");
  const belongings = TABLES.map((table) => [table, rowsOf(database, table)] as const);
  database.transaction(() => {
    const keys = Array.from({ length: copies }, (_, index) => {
      const id = callbackIdOf(index + 1);
      const auth_key = cipher.encrypt(CALLBACK_KEY, id);
      return insert(database, "callbacks", { ...callback, id, name: `demo-${index + 1}`, auth_key });
    });
    // Calls of all of them in turn, as they would arrive.
    for (const [table, rows] of belongings) {
      for (const { seq: _, ...row } of rows) {
        for (const callback_key of keys)
          insert(database, table, { ...row, ...newId(row), ...(table === "calls" && { outage_id: null }), callback_key });
      }
    }
  })();
  database.close();
}

/** Each call that waits becomes so many, without its response passing through this process. */
export function multiplyCalls(path: string, times: number): void {
  if (times === 1) return;
  const database = connect(path);
  database.pragma("synchronous = OFF");
  const columns = database.prepare<[], { name: string }>("PRAGMA table_info(calls)").all();
  const kept = columns.map(({ name }) => name).filter((name) => name !== "seq" && name !== "id");
  const [{ last } = { last: 0 }] = database.prepare<[], { last: number }>("SELECT max(seq) AS last FROM calls").all();
  const copy = database.prepare(`
    INSERT INTO calls (id, ${kept.join(", ")}) SELECT hex(randomblob(16)), ${kept.join(", ")} FROM calls WHERE seq <= ${last}`);
  // In transactions of their own: the write-ahead log of one would be as large as all.
  for (let time = 1; time < times; time += 1) copy.run();
  for (const table of ["call_counts", "outage_counts"]) database.prepare(`UPDATE ${table} SET count = count * ?`).run(times);
  database.close();
}

function rowsOf(database: Database.Database, table: string): readonly Row[] {
  return database.prepare<[], Row>(`SELECT * FROM ${table}`).all();
}

function newId(row: Row): Row {
  return "id" in row ? { id: timeOrderedId(Date.now(), systemRandom) } : {};
}

const statements = new Map<string, Database.Statement>();

function insert(database: Database.Database, table: string, row: Row): number | bigint {
  const names = Object.keys(row);
  const statement =
    statements.get(table) ??
    database.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map((name) => `@${name}`).join(", ")})`);
  statements.set(table, statement);
  return statement.run(row).lastInsertRowid;
}
