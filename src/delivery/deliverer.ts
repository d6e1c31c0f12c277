/** One request to an endpoint, within every limit of dispatch.md, and what came of it as a value. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

export interface Deliverer {
  /**
   * Never rejects: whatever goes wrong is a result. Resolves within the deadline (60 s), or soon after `signal` is aborted
   * (then as unreachable, reset).
   */
  deliver(request: DeliveryRequest<string | Uint8Array | null>, signal?: AbortSignal): Promise<Delivery>;
  /** Ends idle and busy connections. */
  close(): Promise<void>;
}

export interface Delivery {
  readonly result: DeliveryResult;
  /** What the answer's Retry-After asked for, in ms from now; null where it didn't. */
  readonly retryAfterMs: number | null;
}
