/** Ours: due calls of one endpoint in a database file, until every outcome is committed. */
import { contender, measureRate } from "../run/contender.js";
import { type Delivering, fill, openBenchStore, startDelivering, untilSent } from "../run/product.js";
import { settingsFor } from "../run/sample.js";

await contender<{ url: string; count: number; database: string }>(async ({ url, count, database }) => {
  const store = await openBenchStore(database);
  const callback = await store.callbacks.create("00112233445566AA", settingsFor(url), 0);
  await fill(store, callback.id, count);
  let delivering: Delivering | undefined;
  const figures = await measureRate(async () => {
    delivering = startDelivering(store);
    await untilSent(store, callback.id);
    return count;
  });
  const { SUCCESS } = await store.calls.count(callback.id);
  if (SUCCESS !== count) throw new Error(`${SUCCESS} of ${count} delivered`);
  await delivering?.stop();
  await store.close();
  return { ...figures };
});
