/** What the server is given: it opens nothing and doesn't know the dispatcher. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/store.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import type { PlanName } from "./auth/rate-plan.js";

export interface ServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  /** Applies the platform's rate and page limits; null: none. */
  readonly plan: PlanName | null;
  /** "none" only for injected requests of the same process, never for an app that listens. */
  readonly authentication: "required" | "none";
  /** Take the host and scheme of links, and the client's address, from X-Forwarded-*. */
  readonly trustProxy: boolean;
  readonly version: string;
  readonly stats: ServiceStats;
  /** The name of the query parameter for `queryparam` auth. */
  readonly authParameter: string;
  /** The GET of a registration; null: callbacks are stored unchecked. */
  readonly checkEndpoint: ((request: DeliveryRequest) => Promise<DeliveryResult>) | null;
  /** Throws `address-refused` for a URL that the address rule doesn't allow. */
  checkCallbackUrl(url: string): void;
  /** After the commit: responses were accepted, or settings, marks or replays changed what has to be sent. */
  onWork(callbackId: string, kind: WorkKind): void;
  /** false until the service has started, and from the moment it stops. */
  isReady(): boolean;
}

export type WorkKind = "accepted" | "changed";

/** The numbers in /metrics that the server doesn't count itself. */
export interface ServiceStats {
  /** Current values. */
  read(): Promise<ServiceGauges>;
  /** Calls `handler` after each attempt. */
  onAttempt(handler: (attempt: AttemptTiming) => void): void;
}

export interface ServiceGauges {
  /** PENDING calls. */
  readonly waiting: number;
  /** FAILED calls with an attempt due. */
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
