import type { ServeOptions } from "../cli/cli-deps.js";
import type { Deliverer } from "../delivery/deliverer.js";
import { Dispatcher } from "../dispatcher/dispatcher.js";
import { MailSender } from "../dispatcher/mail-sender.js";
import { Purger } from "../dispatcher/purger.js";
import { isAccepted } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import type { Notifier } from "../notifier/notifier.js";
import { systemClock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import { systemRandom } from "../platform/random.js";
import type { AttemptTiming, ServerDeps, ServiceStats } from "../server/server-deps.js";
import type { Store } from "../store/store.js";
import { buildDelivery } from "../wire/delivery-request.js";
import { settleAll } from "./teardown.js";

export interface Dispatching {
  readonly onWork: ServerDeps["onWork"];
  readonly stats: ServiceStats;
  /** Begins to deliver, mail and purge; with `--no-dispatch` nothing of it. */
  start(): void;
  /** Takes no new work; resolves when what was in flight has ended and is committed. */
  stop(): Promise<void>;
}

export interface DispatchingParts {
  readonly options: ServeOptions;
  readonly store: Store;
  readonly deliverer: Deliverer;
  readonly notifier: Notifier;
  readonly logger: Logger;
}

export function createDispatching({ options, store, deliverer, notifier, logger }: DispatchingParts): Dispatching {
  const clock = systemClock;
  const handlers: ((attempt: AttemptTiming) => void)[] = [];
  const mailSender = new MailSender({ store, notifier, clock, logger });
  const purger = new Purger({ store, clock, logger });
  const dispatcher = new Dispatcher({
    store,
    clock,
    logger,
    random: systemRandom,
    policy: options.policy,
    async send(callback, call) {
      const whole = call.isAbridged ? await readLarge(callback.id, call.id) : call;
      if (whole === null) return { kind: "unreachable", reason: "reset", detail: "the call was deleted before it was sent" };
      return (await deliverer.deliver(buildDelivery(callback, whole))).result;
    },
    onAttempt(_callbackId, { result, durationMs }) {
      const outcome = isAccepted(result) ? "success" : "failure";
      for (const handler of handlers) handler({ outcome, durationMs });
    },
    onMailQueued: () => mailSender.wake(),
  });
  let lastReading: Promise<unknown> = Promise.resolve();
  /** One at a time, with the connections' turn in between: many at once would take so long that connecting takes too long as well. */
  function readLarge(callbackId: string, callId: string): Promise<Call | null> {
    const reading = lastReading.then(() => clock.nextTurn()).then(() => store.findCall(callbackId, callId));
    lastReading = reading.catch(() => undefined);
    return reading;
  }
  const workers = options.dispatch ? [dispatcher, mailSender, purger] : [];
  return {
    onWork: (callbackId, kind) => (kind === "accepted" ? dispatcher.accepted(callbackId) : dispatcher.changed(callbackId)),
    stats: {
      read: async () => ({ ...(await store.readGauges()), inFlight: dispatcher.inFlight }),
      onAttempt: (handler) => void handlers.push(handler),
    },
    start() {
      for (const worker of workers) worker.start();
    },
    stop: () => settleAll(...workers.map((worker) => worker.stop())),
  };
}
