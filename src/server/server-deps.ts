/** Doesn't know the dispatcher. */
import type { Attempt, DeliveryResult } from "../domain/attempt.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/open-store.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import type { BodyNames } from "../wire/delivery-settings.js";
import type { PlanName } from "./auth/rate-plan.js";

export interface ServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  /** Rate and page limits; null: none. */
  readonly plan: PlanName | null;
  /** "none" only for requests injected in the same process. */
  readonly authentication: "required" | "none";
  /** false: nothing but the routes of operation, and no console. */
  readonly hasApi: boolean;
  /** Whose X-Forwarded-* give host, scheme and client address; null: nobody's. */
  readonly isTrustedProxy: ((address: string) => boolean) | null;
  /** Names in Host that a service on loopback takes besides localhost; null: any, elsewhere. */
  readonly knownHosts: readonly string[] | null;
  /** See connectionLimit. */
  readonly maxConnections: number;
  readonly version: string;
  /** For `queryparam` auth. */
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  /** The registration's GET; null: unchecked. */
  readonly checkEndpoint: ((request: DeliveryRequest) => Promise<DeliveryResult>) | null;
  /** Throws `address-refused`. */
  checkCallbackUrl(url: string): void;
  /** After a commit that changed what has to be sent. */
  onWork(callbackId: string, kind: WorkKind): void;
  /** Seqs of calls that the dispatcher of this process has in flight; null: another one may own the callback. */
  begunCalls(callbackId: string): ReadonlySet<number> | null;
  /** Requests to endpoints that this process has in flight. */
  countInFlight(): number;
  /** Calls the handler with each attempt, for /metrics. */
  onAttempt(handler: (attempt: Attempt) => void): void;
  /** From start to the beginning of the stop. */
  isReady(): boolean;
}

export type WorkKind = "accepted" | "changed";
