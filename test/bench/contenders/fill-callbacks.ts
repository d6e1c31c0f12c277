/** Makes callbacks with waiting calls, in a database of either kind. */
import { contender } from "../run/contender.js";
import { callbackIdOf } from "../run/copy-callback.js";
import { openBenchStore } from "../run/product.js";
import { newCalls, settingsFor } from "../run/sample.js";

interface Options {
  readonly database: string;
  readonly url: string;
  readonly callbacks: number;
  readonly callsEach: number;
}

/** Calls in a transaction. */
const CHUNK = 4_000;

await contender<Options>(async ({ database, url, callbacks, callsEach }) => {
  const store = await openBenchStore(database);
  const ids = Array.from({ length: callbacks }, (_, index) => callbackIdOf(index));
  await Promise.all(ids.map((id) => store.callbacks.create(id, settingsFor(url, { name: id }), Date.now())));
  const perChunk = Math.ceil(CHUNK / callsEach);
  for (let first = 0; first < callbacks; first += perChunk) {
    const now = Date.now();
    await store.calls.accept(
      ids.slice(first, first + perChunk).map((callbackId) => ({ callbackId, calls: newCalls(callsEach, now) })),
      now,
    );
  }
  await store.close();
  return {};
});
