import type { Attempt } from "../domain/attempt.js";
import { DEFAULT_MAX_IN_FLIGHT } from "../domain/endpoint.js";
import type { OutageUrl } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import { DEFAULT_SEND_LIMITS, type SendLimits } from "../domain/service-settings.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/open-store.js";
import type { OutcomeGroup } from "../store/outcomes/commit-outcomes.js";
import type { Prepare } from "./call-sender.js";

export interface DispatcherDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  readonly limits?: Partial<DispatchLimits>;
  readonly prepare: Prepare;
  onAttempt(callbackId: string, attempt: Attempt): void;
  /** Called with how long a commit of outcomes took. */
  readonly onCommit?: (seconds: number) => void;
  /** Called when the dispatcher finds that its lease on the database had ended. */
  readonly onLeaseLost?: () => void;
  /** E-mails lead there. */
  readonly outageUrl?: OutageUrl;
  /** Names the destinations to which outages are reported besides their e-mail. */
  readonly notices?: () => OutcomeGroup["notices"];
  /** Called when a commit has opened or ended outages. */
  wakeOutboxes(): void;
  /** Called when this process or another one has deleted a callback. */
  onCallbackDeleted(): void;
}

export interface DispatchLimits extends SendLimits {
  readonly inFlightPerEndpoint: number;
  /** A read takes this many calls of an endpoint at most. */
  readonly batch: number;
  /** Outcomes within this time share a commit; 0 means one turn of the event loop. */
  readonly gatherMs: number;
  /** While this many outcomes are uncommitted, nothing more is sent. */
  readonly groupSize: number;
}

export const DEFAULT_LIMITS: DispatchLimits = {
  ...DEFAULT_SEND_LIMITS,
  inFlightPerEndpoint: DEFAULT_MAX_IN_FLIGHT,
  batch: 512,
  gatherMs: 4,
  groupSize: 512,
};
