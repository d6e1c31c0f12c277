/** What the server is handed: it opens nothing and knows no dispatcher. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/store.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import type { PlanName } from "./limits/rate-plan.js";

export interface ServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  /** Imitates the platform's rate and page limits; null: none. */
  readonly plan: PlanName | null;
  /** "none" only for a client in the same process (inject): never for an app that listens. */
  readonly authentication: "required" | "none";
  /** Take host and scheme of links, and the caller's address, from X-Forwarded-*. */
  readonly trustProxy: boolean;
  readonly version: string;
  readonly stats: ServiceStats;
  /** The GET of a registration; null: callbacks are stored unchecked. */
  readonly checkEndpoint: ((request: DeliveryRequest) => Promise<DeliveryResult>) | null;
  /** Throws `address-refused` for a URL that the public rules don't allow. */
  checkCallbackUrl(url: string): void;
  /** After the commit: new responses were accepted, or settings, marks or replays changed what is to be sent. */
  onWork(callbackId: string, kind: WorkKind): void;
  /** false while the service isn't up yet or is stopping. */
  isReady(): boolean;
}

export type WorkKind = "accepted" | "changed";

/** What /metrics tells of the parts that the server doesn't know. */
export interface ServiceStats {
  /** The values of this moment. */
  read(): Promise<ServiceGauges>;
  /** Hands each attempt of the dispatcher to `handler`. */
  onAttempt(handler: (attempt: AttemptTiming) => void): void;
}

export interface ServiceGauges {
  /** PENDING calls. */
  readonly waiting: number;
  /** FAILED calls with a sending due. */
  readonly due: number;
  readonly inFlight: number;
  readonly openOutages: number;
  readonly queuedMails: number;
}

export interface AttemptTiming {
  readonly outcome: "success" | "failure";
  readonly durationMs: number;
}

/** For a service without a dispatcher. */
export const NO_STATS: ServiceStats = {
  read: async () => ({ waiting: 0, due: 0, inFlight: 0, openOutages: 0, queuedMails: 0 }),
  onAttempt() {},
};
