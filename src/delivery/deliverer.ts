/** Sends one request to an endpoint within the limits of docs/dispatcher.md; failures are values. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

export interface Deliverer {
  /**
   * Failures of the endpoint are results. Rejects only with `unavailable`: this process has run out of file descriptors.
   * Resolves within the deadline (60 s), or soon after `signal` is aborted (then as unreachable, reset).
   */
  deliver(request: DeliveryRequest<string | Uint8Array | null>, signal?: AbortSignal): Promise<Delivery>;
  /** Closes all connections and aborts what is in flight. */
  close(): Promise<void>;
}

export interface Delivery {
  readonly result: DeliveryResult;
  /** From Retry-After, in ms from now; null without one. */
  readonly retryAfterMs: number | null;
}
