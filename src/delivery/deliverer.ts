import type { DeliveryResult } from "../domain/attempt.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

export interface Deliverer {
  /** The endpoint's failures are results, within the deadline (60 s). Rejects only with `unavailable`, for what this machine lacks. */
  deliver(request: DeliveryRequest<string | Uint8Array | null>): Promise<Delivery>;
  /** Delivers, or resolves to null if nothing was sent because `maySend` didn't permit it. */
  deliverIf(maySend: MaySend, request: DeliveryRequest<string | Uint8Array | null>): Promise<Delivery | null>;
  /** Aborts what is in flight; what is requested from then on isn't sent. */
  close(): Promise<void>;
}

/**
 * Is asked right before the request is written, and again after a promise, which never rejects, and before a resend. The process was stopped
 * for `stoppedMs` since the delivery was requested.
 */
export type MaySend = (stoppedMs: number) => boolean | Promise<boolean>;

export interface Delivery {
  readonly result: DeliveryResult;
  /** The endpoint's Retry-After, counted from now; it is null without one. */
  readonly retryAfterMs: number | null;
}
