/** The product's parts, put together as `whcb serve` does it. */
import { createDeliverer } from "../../../src/delivery/undici-deliverer.js";
import { prepareWith } from "../../../src/dispatcher/call-sender.js";
import { Dispatcher } from "../../../src/dispatcher/dispatcher.js";
import type { DispatcherDeps } from "../../../src/dispatcher/dispatcher-deps.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import { systemClock } from "../../../src/platform/clock.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { openStore, type Store } from "../../../src/store/open-store.js";
import { DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "../../../src/wire/delivery-settings.js";
import { newCalls, RESPONSE, SECRET_KEY } from "./sample.js";

/** In calls of one transaction. */
const CHUNK = 1_000;

export function openBenchStore(path: string): Promise<Store> {
  return openStore({ url: path, clock: systemClock, secretKey: SECRET_KEY });
}

export async function fill(store: Store, callbackId: string, count: number, response = RESPONSE): Promise<void> {
  for (let done = 0; done < count; done += CHUNK) {
    const now = systemClock.now();
    await store.calls.accept([{ callbackId, calls: newCalls(Math.min(CHUNK, count - done), now, response) }], now);
  }
}

export interface Delivering {
  readonly dispatcher: Dispatcher;
  stop(): Promise<void>;
}

export function startDelivering(store: Store, over: Partial<DispatcherDeps> = {}): Delivering {
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers });
  const dispatcher = new Dispatcher({
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    policy: DEFAULT_RETRY_POLICY,
    prepare: prepareWith(deliverer, { authParameter: DEFAULT_AUTH_PARAMETER, bodyNames: DEFAULT_BODY_NAMES }, systemClock),
    onAttempt: () => undefined,
    wakeOutboxes: () => undefined,
    onCallbackDeleted: () => undefined,
    ...over,
  });
  dispatcher.start();
  return {
    dispatcher,
    async stop() {
      await dispatcher.stop();
      await deliverer.close();
    },
  };
}

/** Until none of the callback's calls is PENDING. */
export async function untilSent(store: Store, callbackId: string): Promise<void> {
  while ((await store.calls.count(callbackId)).PENDING > 0) await systemClock.sleepUntil(systemClock.now() + 10);
}
