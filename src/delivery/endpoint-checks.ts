import type { DeliveryResult } from "../domain/attempt.js";
import { WhcbError } from "../domain/errors.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

/** Each takes a descriptor for up to a minute, beside those of deliveries and clients. */
const MAX_CHECKS = 64;

/** Returns the same function, which throws `unavailable` while so many checks of endpoints are going on. */
export function limitChecks(
  check: (request: DeliveryRequest) => Promise<DeliveryResult>,
): (request: DeliveryRequest) => Promise<DeliveryResult> {
  let going = 0;
  return async (request) => {
    if (going >= MAX_CHECKS) throw new WhcbError("unavailable", `${MAX_CHECKS} endpoints are being checked`);
    going += 1;
    try {
      return await check(request);
    } finally {
      going -= 1;
    }
  };
}
