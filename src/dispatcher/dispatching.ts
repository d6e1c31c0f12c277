import type { Deliverer } from "../delivery/deliverer.js";
import type { Attempt } from "../domain/attempt.js";
import type { NoticeEvent, OutageUrl } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { SendLimits } from "../domain/service-settings.js";
import type { NoticeTarget } from "../notifier/notice-target.js";
import type { Notifier } from "../notifier/notifier.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import { settleAll } from "../platform/teardown.js";
import { LEASE_LOOK_MS } from "../store/callbacks/run-leases.js";
import type { Store } from "../store/open-store.js";
import type { BodyNames } from "../wire/delivery-settings.js";
import { prepareWith } from "./call-sender.js";
import { Dispatcher } from "./dispatcher.js";
import { createOutageSampler } from "./outage-sampler.js";
import { createExpiryReporter } from "./outbox/expiry-reporter.js";
import { createMailSender } from "./outbox/mail-sender.js";
import { createNoticeSender } from "./outbox/notice-sender.js";
import { createPurger } from "./purger.js";
import { createReplayCollector } from "./replay-collector.js";
import { RunLoop } from "./run-loop.js";

export interface Dispatching {
  /** The app calls it after the commit that accepted a response or changed a callback. */
  onWork(callbackId: string, kind: "accepted" | "changed"): void;
  readonly dispatcher: Dispatcher;
  onAttempt(handler: (attempt: Attempt) => void): void;
  onCommit(handler: (seconds: number) => void): void;
  onLeaseLost(handler: () => void): void;
  start(): void;
  /** Resolves when all in flight is committed, LONGEST_STOP_MS at most. */
  stop(): Promise<void>;
}

export interface DispatchingDeps {
  readonly store: Store;
  readonly deliverer: Deliverer;
  readonly notifier: Notifier;
  readonly outageUrl: OutageUrl;
  /** Outages are reported to these besides the e-mail. */
  readonly noticeTargets: readonly NoticeTarget[];
  /** Removes the files of e-mails that were written before this (epoch ms). */
  readonly removeMailFiles: (before: number) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  readonly limits: SendLimits;
  /** If it is false, nothing is sent or purged; only the leases of runs are ended, and replays collected. */
  readonly isEnabled: boolean;
}

const NO_NOTIFICATIONS_WARNING =
  "Notifications of the database don't arrive, as behind a pooler in transaction mode: what other nodes accept is sent up to half a second later";

export function createDispatching(deps: DispatchingDeps): Dispatching {
  const { store, deliverer, notifier, noticeTargets, clock, random, logger, policy, limits, isEnabled } = deps;
  const { authParameter, bodyNames, removeMailFiles, outageUrl } = deps;
  const handlers: ((attempt: Attempt) => void)[] = [];
  const commitHandlers: ((seconds: number) => void)[] = [];
  const leaseHandlers: (() => void)[] = [];
  const outboxes = [
    createMailSender({ store, notifier, clock, logger }),
    ...noticeTargets.map((target) => createNoticeSender({ store, target, clock, logger })),
  ];
  const destinations = { began: destinationsOf("began", noticeTargets), ended: destinationsOf("ended", noticeTargets) };
  const wakeOutboxes = () => {
    for (const outbox of outboxes) outbox.wake();
  };
  const expiries = createExpiryReporter({
    expiries: store.expiries,
    destinations: destinationsOf("expired", noticeTargets),
    clock,
    random,
    logger,
    onQueued: wakeOutboxes,
  });
  const purger = createPurger({ store, clock, logger, removeMailFiles });
  const dispatcher = new Dispatcher({
    store,
    clock,
    random,
    logger,
    policy,
    limits,
    prepare: prepareWith(deliverer, { authParameter, bodyNames }, clock),
    onAttempt(_callbackId, attempt) {
      for (const handler of handlers) handler(attempt);
    },
    onCommit(seconds) {
      for (const handler of commitHandlers) handler(seconds);
    },
    onLeaseLost() {
      for (const handler of leaseHandlers) handler();
    },
    outageUrl,
    notices: () => (noticeTargets.length === 0 ? undefined : { ...destinations, at: clock.now() }),
    wakeOutboxes,
    onCallbackDeleted: () => purger.wake(),
  });
  const sampler = createOutageSampler({ activity: store.activity, clock, logger });
  let hasWarned = false;
  const warnOnce = () => {
    if (!hasWarned) logger.warn({}, NO_NOTIFICATIONS_WARNING);
    hasWarned = true;
  };
  const endLeases = async () => {
    await store.runLeases.endUnrenewed();
    return clock.now() + LEASE_LOOK_MS;
  };
  const leases = new RunLoop(endLeases, {
    clock,
    pollMs: LEASE_LOOK_MS,
    onError: (error) => logger.error({ err: error }, "The locks of runs can't be checked; trying again"),
  });
  const collector = createReplayCollector({
    store,
    clock,
    logger,
    onAdded(callbackId) {
      dispatcher.changed(callbackId);
      store.nodes?.announce();
    },
  });
  const workers = [leases, collector, ...(isEnabled ? [dispatcher, ...outboxes, expiries, purger, sampler] : [])];
  return {
    onWork(callbackId, kind) {
      if (kind === "accepted") dispatcher.accepted(callbackId);
      else dispatcher.changed(callbackId);
      store.nodes?.announce();
      if (kind === "changed") collector.wake();
      // The callback may be deleted, and the owner that would notice may be another node.
      if (kind === "changed" && store.nodes) purger.wake();
    },
    dispatcher,
    onAttempt: (handler) => void handlers.push(handler),
    onCommit: (handler) => void commitHandlers.push(handler),
    onLeaseLost: (handler) => void leaseHandlers.push(handler),
    start() {
      for (const worker of workers) worker.start();
      if (isEnabled) store.nodes?.listen(() => dispatcher.wake(), warnOnce);
    },
    stop: () => settleAll(...workers.map((worker) => worker.stop())),
  };
}

function destinationsOf(event: NoticeEvent, targets: readonly NoticeTarget[]): string[] {
  return targets.filter(({ events }) => events.includes(event)).map(({ destination }) => destination);
}
