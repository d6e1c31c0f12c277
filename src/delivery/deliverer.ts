/** docs/dispatcher.md, Limits. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

export interface Deliverer {
  /**
   * The endpoint's failures are results, within the deadline (60 s). Rejects only with `unavailable`: out of file descriptors. Aborted:
   * unreachable, reset.
   */
  deliver(request: DeliveryRequest<string | Uint8Array | null>, signal?: AbortSignal): Promise<Delivery>;
  /** Aborts what is in flight. */
  close(): Promise<void>;
}

export interface Delivery {
  readonly result: DeliveryResult;
  /** Retry-After, from now; null without one. */
  readonly retryAfterMs: number | null;
}
