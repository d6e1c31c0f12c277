/** What a delivered call costs in the database: a guard against slower code that doesn't depend on the machine. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import { ACCEPTED, aResponse } from "../support/builders.js";
import { down, MINUTE, Simulation } from "../support/dispatcher/simulation.js";

interface Cost {
  statements: number;
  transactions: number;
  /** Rows that queries returned, also those in a JSON text. */
  rowsRead: number;
  /** Of the write-ahead log. */
  bytesWritten: number;
}

let folder: string;
let cost: Cost;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-cost-"));
  cost = { statements: 0, transactions: 0, rowsRead: 0, bytesWritten: 0 };
  countStatements();
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

function countStatements(): void {
  const { prepare } = Database.prototype;
  vi.spyOn(Database.prototype, "prepare").mockImplementation(function (this: Database.Database, source: string) {
    const statement: Database.Statement<unknown[]> = prepare.call(this, source);
    const { all, run } = statement;
    statement.all = (...parameters) => {
      const rows = all.apply(statement, parameters);
      cost.statements += 1;
      for (const row of rows) cost.rowsRead += rowsIn(row);
      return rows;
    };
    statement.run = (...parameters) => {
      cost.statements += 1;
      if (source === "COMMIT") cost.transactions += 1;
      return run.apply(statement, parameters);
    };
    return statement;
  });
}

function rowsIn(row: unknown): number {
  if (typeof row !== "object" || row === null || !("rows" in row) || typeof row.rows !== "string") return 1;
  return JSON.parse(row.rows).length;
}

async function open(): Promise<{
  simulation: Simulation;
  costOf: (work: () => Promise<unknown>, calls: number) => Promise<Cost>;
}> {
  const url = join(folder, "whcb.db");
  const simulation = await Simulation.open({ url });
  return {
    simulation,
    async costOf(work, calls) {
      const before = { ...cost, bytesWritten: statSync(`${url}-wal`).size };
      await work();
      const after = { ...cost, bytesWritten: statSync(`${url}-wal`).size };
      const perCall = (name: keyof Cost) => (after[name] - before[name]) / calls;
      return {
        statements: perCall("statements"),
        transactions: perCall("transactions"),
        rowsRead: perCall("rowsRead"),
        bytesWritten: perCall("bytesWritten"),
      };
    },
  };
}

const CALLS = 2_000;
const FIGURES = ["statements", "transactions", "rowsRead", "bytesWritten"] as const;

/** Accepts them in one transaction, and lets endpoints answer after a millisecond, so that what ends together is committed together. */
async function fill({ simulation, endpoints }: { simulation: Simulation; endpoints: number }): Promise<void> {
  simulation.endpoint = () => ({ result: ACCEPTED, afterMs: 1 });
  const callbacks: Callback[] = [];
  for (let number = 1; number <= endpoints; number += 1)
    callbacks.push(await simulation.callback({ name: `callback ${number}` }));
  const submissions = callbacks.map(({ id: callbackId }) => ({
    callbackId,
    calls: Array.from({ length: CALLS / endpoints }, (_, index) => ({ id: `${callbackId}-${index}`, response: aResponse() })),
  }));
  await simulation.store.calls.accept(submissions, simulation.clock.now());
}

// Measured, and about a third more.
it.each([
  { endpoints: 1, most: { statements: 1.5, transactions: 0.022, rowsRead: 2.9, bytesWritten: 2_000 } },
  { endpoints: 500, most: { statements: 1.4, transactions: 0.004, rowsRead: 4.2, bytesWritten: 1_650 } },
])("takes few statements, transactions, rows and bytes for each call of $endpoints endpoints", async ({ endpoints, most }) => {
  const { simulation, costOf } = await open();
  await fill({ simulation, endpoints });
  const cost = await costOf(() => simulation.runFor(MINUTE), CALLS);
  expect(await simulation.store.readGauges()).toMatchObject({ waiting: 0, due: 0 });
  for (const name of FIGURES) expect(cost[name], name).toBeLessThanOrEqual(most[name]);
});

it("reads only what another process changed, however many endpoints wait", async () => {
  const { simulation, costOf } = await open();
  await fill({ simulation, endpoints: 500 });
  simulation.endpoint = down;
  await simulation.runFor(MINUTE);
  expect(simulation.dispatcher.endpoints).toBe(500);
  const other = await Simulation.open({ url: join(folder, "whcb.db") });
  const [callback] = (await other.store.callbacks.list({ limit: 1, offset: 0, sort: [] })).items;
  if (callback === undefined) throw new Error("There is no callback");
  const cost = await costOf(async () => {
    await simulation.settle();
    await other.store.callbacks.update(callback.id, { ...callback, email: "other@example.com" }, 0, simulation.policy);
    await simulation.settle();
  }, 1);
  expect(cost.statements).toBeLessThanOrEqual(30);
  expect(cost.rowsRead).toBeLessThanOrEqual(30);
});

it("reads for the list of callbacks its page and what isn't well, of 500, and what another process renamed", async () => {
  const { simulation, costOf } = await open();
  await fill({ simulation, endpoints: 500 });
  await simulation.runFor(MINUTE);
  const list = () =>
    simulation.store.callbacks.listOverview({
      ...{ limit: 10, offset: 0, text: "", health: null },
      sort: { field: "severity", descending: false },
    });
  const [callback] = (await list()).items.map((item) => item.callback);
  if (callback === undefined) throw new Error("There is no callback");
  const other = await Simulation.open({ url: join(folder, "whcb.db") });
  await other.store.callbacks.update(callback.id, { ...callback, name: "the last one" }, 0, simulation.policy);
  const cost = await costOf(async () => expect((await list()).items[0]?.callback.name).toBe("callback 2"), 1);
  expect(cost.statements).toBeLessThanOrEqual(6);
  expect(cost.rowsRead).toBeLessThanOrEqual(20);
});

it("reads all callbacks at most twice for many lists of callbacks that are asked for at the same moment", async () => {
  const { simulation, costOf } = await open();
  await fill({ simulation, endpoints: 500 });
  const list = () =>
    simulation.store.callbacks.listOverview({
      ...{ limit: 1, offset: 0, text: "", health: null },
      sort: { field: "name", descending: false },
    });
  const cost = await costOf(() => Promise.all(Array.from({ length: 50 }, list)), 1);
  // All of them wait with calls.
  expect(cost.rowsRead).toBeLessThanOrEqual(2 * (500 + 500) + 100);
});
