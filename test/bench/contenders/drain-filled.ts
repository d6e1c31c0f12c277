/** Ours: the calls that wait in a filled database, over all its callbacks, by a dispatcher that has run before. */
import { setTimeout as delay } from "node:timers/promises";
import { contender, measureRate } from "../run/contender.js";
import { callbackIdOf } from "../run/copy-callback.js";
import { type Delivering, fill, openBenchStore, startDelivering, untilSent } from "../run/product.js";
import { settingsFor } from "../run/sample.js";

interface Options {
  readonly url: string;
  readonly database: string;
  /** Measured until so many have been delivered; all that wait, or fewer. */
  readonly count: number;
}

const WARM_UP = 30_000;

await contender<Options>(async ({ url, database, count }) => {
  await warmUp(`${database}-warm-up`, url);
  const store = await openBenchStore(database);
  const { waiting } = await store.readGauges();
  let delivering: Delivering | undefined;
  let attempts = 0;
  const figures = await measureRate(async () => {
    delivering = startDelivering(store, {
      onAttempt() {
        attempts += 1;
      },
    });
    while (attempts < count) await delay(5);
    // To the last commit, if all are delivered.
    if (count === waiting) while ((await store.readGauges()).waiting > 0) await delay(5);
    return attempts;
  });
  await delivering?.stop();
  const { waiting: left, due } = await store.readGauges();
  await store.close();
  if (due > 0 || waiting - left < count) throw new Error(`${waiting - left - due} of ${count} delivered`);
  return { ...figures };
});

async function warmUp(database: string, url: string): Promise<void> {
  const store = await openBenchStore(database);
  const callback = await store.callbacks.create(callbackIdOf(0), settingsFor(url), 0);
  await fill(store, callback.id, WARM_UP);
  const delivering = startDelivering(store);
  await untilSent(store, callback.id);
  await delivering.stop();
  await store.close();
}
