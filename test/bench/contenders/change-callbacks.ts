/** A process beside the one that serves: changes callbacks in its database, hands in a call of the last one, and waits until it arrives. */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../../src/platform/clock.js";
import { connect } from "../../../src/store/sqlite/open-sqlite.js";
import { readArrivals } from "../run/arrivals.js";
import { contender } from "../run/contender.js";
import { callbackIdOf } from "../run/copy-callback.js";
import { fill, openBenchStore } from "../run/product.js";

interface Options {
  readonly database: string;
  readonly receiver: string;
  /** Those with the highest numbers. */
  readonly changed: number;
  readonly callbacks: number;
  readonly times: number;
}

await contender<Options>(async ({ database, receiver, changed, callbacks, times }) => {
  const store = await openBenchStore(database);
  const connection = connect(database);
  const changeAll = connection.transaction((email: string) => {
    connection.prepare("UPDATE callbacks SET email = ? WHERE key > ?").run(email, callbacks - changed);
    connection
      .prepare("INSERT OR REPLACE INTO changes (callback_id) SELECT id FROM callbacks WHERE key > ? ORDER BY key")
      .run(callbacks - changed);
  });
  let noticedMs = 0;
  for (let time = 0; time < times; time += 1) {
    const { accepted } = await readArrivals(receiver);
    changeAll.immediate(`ops-${time}@example.com`);
    await fill(store, callbackIdOf(callbacks - 1), 1);
    const changedAt = systemClock.monotonicMs();
    while ((await readArrivals(receiver)).accepted === accepted) await delay(5);
    noticedMs = Math.max(noticedMs, systemClock.monotonicMs() - changedAt);
  }
  connection.close();
  await store.close();
  return { noticedMs };
});
