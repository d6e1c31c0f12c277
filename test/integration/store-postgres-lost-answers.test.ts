/** The database does what it was asked, and its answer is lost. For outcomes see test/slow/database-failures-postgres.test.ts. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore, type Store } from "../../src/store/open-store.js";
import { aCallback, accept, aGroup, MINUTE, NOW } from "../contract/store-support.js";
import { type DatabaseProxy, isCommit, openDatabaseProxy } from "../support/postgres/database-proxy.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";

let database: TestDatabase;
let network: DatabaseProxy;
/** One store is behind the network, the other beside it. */
let store: Store;
let other: Store;

beforeAll(async () => {
  database = await createDatabase("lost-answers");
  other = await database.openStore();
  network = await openDatabaseProxy(database.url);
  store = await openStore({ url: network.url, clock: systemClock, secretKey: new Uint8Array(32) });
});
afterAll(async () => {
  await store.close();
  network.close();
});
beforeEach(() => database.clear());

async function withoutAnswer(isLost: (query: Buffer) => boolean, work: () => Promise<unknown>): Promise<void> {
  network.loseAnswers(isLost);
  await expect(work()).rejects.toMatchObject({ code: "unavailable", message: "The connection to the database was lost" });
  network.loseAnswers(() => false);
}

it("responses that are handed in again with their ids are stored once", async () => {
  const callback = await aCallback(store);
  await withoutAnswer(isCommit, () => accept(store, callback, ["A", "B"]));
  await accept(store, callback, ["A", "B", "C"]);
  expect(await store.calls.count(callback.id)).toEqual({ PENDING: 3, SUCCESS: 0, FAILED: 0 });
});

it("an e-mail stays claimed, and is free when the claim ends", async () => {
  const { id } = await aCallback(store);
  await store.outcomes.commit(
    aGroup({ mails: [{ outageId: "O", callbackId: id, to: "", subject: "", text: "", createdAt: NOW }] }),
  );
  await withoutAnswer(
    (query) => query.includes("UPDATE mails"),
    () => store.mails.claim(["O"], NOW, NOW + MINUTE),
  );
  for (const each of [store, other]) expect((await each.mails.claim(["O"], NOW, NOW + MINUTE)).size).toBe(0);
  expect([...(await other.mails.claim(["O"], NOW + MINUTE, NOW + 2 * MINUTE))]).toEqual(["O"]);
  expect((await store.mails.claim(["O"], NOW + MINUTE, NOW + 2 * MINUTE)).size).toBe(0);
});
