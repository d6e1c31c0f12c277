/** Twenty endpoints; how long the calls of ten take from their acceptance to their answer while the other ten hang, or don't. */
import { setTimeout as delay } from "node:timers/promises";
import { createDeliverer } from "../../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../../src/platform/clock.js";
import { shortId, systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { buildDelivery } from "../../support/wire/build-delivery.js";
import { contender } from "../run/contender.js";
import { fill, openBenchStore, startDelivering } from "../run/product.js";
import { quantile } from "../run/rounds.js";
import { newCalls, settingsFor } from "../run/sample.js";

const EACH_KIND = 10;
/** Every good endpoint gets a call so often. */
const TURN_MS = 50;
const WARM_UP_MS = 2_000;

interface Options {
  readonly origin: string;
  readonly database: string;
  /** Calls waiting for the hanging endpoints, all together; 0: they are well and have nothing to do. */
  readonly waiting: number;
  readonly seconds: number;
}

await contender<Options>(async ({ origin, database, waiting, seconds }) => {
  const store = await openBenchStore(database);
  const create = (name: string, path: string) =>
    store.callbacks.create(shortId(systemRandom), settingsFor(`${origin}/${path}`, { name }), systemClock.now());
  const good: string[] = [];
  for (let index = 0; index < EACH_KIND; index += 1) {
    good.push((await create(`good-${index}`, "good")).id);
    const bad = await create(`bad-${index}`, "hang");
    await fill(store, bad.id, Math.round(waiting / EACH_KIND));
  }
  const acceptedAt = new Map<string, number>();
  const delays: number[] = [];
  let open = 0;
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers });
  const { dispatcher } = startDelivering(store, {
    prepare: (callback, call) => ({
      bodyBytes: 0,
      async send() {
        const { body, ...address } = buildDelivery(callback, call);
        const { result } = await deliverer.deliver({ ...address, body: body.toString() });
        const at = acceptedAt.get(call.id);
        if (at === undefined) return result;
        acceptedAt.delete(call.id);
        open -= 1;
        if (at > measuredFrom) delays.push(performance.now() - at);
        return result;
      },
    }),
  });
  const began = performance.now();
  const measuredFrom = began + WARM_UP_MS;
  for (let turn = 1; performance.now() < measuredFrom + seconds * 1_000; turn += 1) {
    for (const callbackId of good) {
      const calls = newCalls(1, systemClock.now());
      // From before the commit: on the good endpoints' side nothing of what is ours is left out.
      for (const { id } of calls) acceptedAt.set(id, performance.now());
      open += calls.length;
      await store.calls.accept([{ callbackId, calls }], systemClock.now());
      dispatcher.accepted(callbackId);
    }
    await delay(Math.max(0, began + turn * TURN_MS - performance.now()));
  }
  while (open > 0) await delay(10);
  return { p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99), calls: delays.length };
});
