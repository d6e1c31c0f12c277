/** A forwarded port may lead to another database while a question is open, whose calls nobody has confirmed. */
import { afterEach, beforeAll, expect, it } from "vitest";
import type { Transport } from "../../src/client/transport.js";
import { systemClock } from "../../src/platform/clock.js";
import { findDatabaseId, openStore, type Store } from "../../src/store/open-store.js";
import { aResponse } from "../support/builders.js";
import { clientOver, injectTransport } from "../support/client/client-services.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { openDesk } from "../support/replay/replay-desk.js";
import { CALLBACK_SETTINGS, openService } from "../support/server/server-fixture.js";
import { storeFiles } from "../support/store/store-files.js";

const files = storeFiles();
const paths: string[] = [];
const databases: TestDatabase[] = [];
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  for (const name of ["one_database", "other_database", "one_schema"]) databases.push(await createDatabase(name));
  await databases[2]?.query("CREATE SCHEMA staging");
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const OPEN = {
  SQLite: async (at: number): Promise<Store> => {
    paths[at] ??= files.path();
    return files.open(paths[at]);
  },
  PostgreSQL: async (at: number): Promise<Store> => {
    const store = await databases[at]?.openStore();
    if (store === undefined) throw new Error(`There is no database ${at}.`);
    return store;
  },
  "a schema of PostgreSQL": async (at: number): Promise<Store> => {
    if (at === 0) return OPEN.PostgreSQL(2);
    const url = `${databases[2]?.url}?options=-c%20search_path%3Dstaging`;
    const store = await openStore({ url, secretKey: new Uint8Array(32), clock: systemClock });
    closing.push(() => store.close());
    return store;
  },
};

it.each(Object.entries(OPEN))(
  "what was listed on %s is marked through any service on the same database, and not on another one",
  async (_, open) => {
    const services: Transport[] = [];
    for (const at of [0, 0, 1]) {
      const { app } = await openService({ store: await open(at) });
      closing.push(() => app.close());
      services.push(injectTransport(app));
    }
    let [now] = services;
    const transport: Transport = {
      name: "x",
      basePath: "",
      send: async (request) => {
        if (now === undefined) throw new Error("There is no service.");
        return now.send(request);
      },
      close: async () => undefined,
    };
    const desk = openDesk({ transport });
    closing.push(desk.leave);
    const client = clientOver(transport);
    const { id } = await client.createCallback(CALLBACK_SETTINGS);
    await client.getCallback("demo");
    const {
      ids: [callId = ""],
    } = await client.submitCalls(id, [{ response: aResponse() }]);
    const outcomes: unknown[] = [];
    for (now of services) {
      const marked = client.markCalls(id, [callId], "SUCCESS").catch(({ message }: Error) => message);
      outcomes.push(await marked, await client.verify().catch(({ message }: Error) => message));
    }
    const isOther = "another database answers at x now, so nothing more is marked or sent";
    expect(outcomes).toEqual([
      [],
      undefined,
      [],
      undefined,
      expect.stringContaining("X-Database-Id names another database"),
      isOther,
    ]);
  },
);

it("a database of PostgreSQL, and a schema in it, is known by its id without being opened", async () => {
  const urls = [0, 1, 2].map((at) => databases[at]?.url ?? "");
  const ids = await Promise.all([...urls, `${urls[2]}?options=-c%20search_path%3Dstaging`].map(findDatabaseId));
  expect(new Set(ids).size).toBe(4);
  const store = await OPEN.PostgreSQL(0);
  closing.push(() => store.close());
  expect(store.databaseId).toBe(ids[0]);
});
