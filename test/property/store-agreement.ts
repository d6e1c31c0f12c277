/** Random operations on a service with SQLite, and on one with PostgreSQL. */
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStore, type Store } from "../../src/store/open-store.js";
import { TABLES } from "../../src/store/schema.js";
import { openDatabase } from "../../src/store/sqlite/open-database.js";
import { createDatabase } from "../support/postgres/databases.js";
import { anyOperation, PREPARATION } from "../support/store/arbitrary-operations.js";
import { OperatedStore, type ReadTable } from "../support/store/operated-store.js";
import { newTemporaryFolder } from "../support/temporary-folders.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const BEGIN = Date.UTC(2030, 0, 1);

interface Side {
  readonly store: Store;
  readonly readTable: ReadTable;
  clear(): Promise<void>;
}

interface Sides {
  readonly sides: readonly [Side, Side];
  close(): Promise<void>;
}

/** Both have the same clock. */
async function openSides(clock: VirtualClock): Promise<Sides> {
  const file = join(newTemporaryFolder("whcb-agreement-"), "x.db");
  const sqlite = await openStore({ url: file, secretKey: new Uint8Array(32), clock });
  const rows = openDatabase(file, {});
  const deletes = Object.keys(TABLES)
    .reverse()
    .map((table) => `DELETE FROM ${table};`)
    .join("");
  const database = await createDatabase("agreement");
  return {
    sides: [
      {
        store: sqlite,
        readTable: async (table) => rows.prepare<[], Readonly<Record<string, unknown>>>(`SELECT * FROM ${table}`).all(),
        clear: async () => void rows.exec(`${deletes} DELETE FROM changes; DELETE FROM sqlite_sequence`),
      },
      {
        store: { ...(await database.openStore({ clock })), nodes: null },
        readTable: (table) => database.query(`SELECT * FROM ${table}`),
        clear: () => database.clear(),
      },
    ],
    async close() {
      rows.close();
      await sqlite.close();
    },
  };
}

export function expectAgreement({ sequences, seed }: { readonly sequences: number; readonly seed: number }): void {
  const clock = new VirtualClock();
  let opened: Sides;

  beforeAll(async () => {
    opened = await openSides(clock);
  });
  afterAll(() => opened.close());

  it(`SQLite and PostgreSQL agree in ${sequences} sequences of operations (seed ${seed})`, { timeout: 0 }, async () => {
    const agrees = fc.asyncProperty(fc.array(anyOperation, { maxLength: 40, size: "max" }), async (operations) => {
      clock.jump(BEGIN - clock.now());
      for (const side of opened.sides) await side.clear();
      const [sqlite, postgres] = await Promise.all(
        opened.sides.map(({ store, readTable }) => OperatedStore.open(store, clock, readTable)),
      );
      if (sqlite === undefined || postgres === undefined) throw new Error("there are two sides");
      try {
        for (const operation of [...PREPARATION, ...operations]) {
          if (operation.kind === "advance") clock.advance(operation.ms);
          expect(await postgres.perform(operation), JSON.stringify(operation)).toEqual(await sqlite.perform(operation));
        }
        expect(await postgres.readRows()).toEqual(await sqlite.readRows());
      } finally {
        await sqlite.close();
        await postgres.close();
      }
    });
    await fc.assert(agrees, { numRuns: sequences, seed });
  });
}
