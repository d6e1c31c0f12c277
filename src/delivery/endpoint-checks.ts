import type { DeliveryResult } from "../domain/attempt.js";
import { WhcbError } from "../domain/errors.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

/** Each takes a descriptor for up to a minute, beside those of deliveries and clients. */
const MAX_CHECKS = 64;
const MAX_CHECKS_OF_ONE = MAX_CHECKS / 2;

/** Returns the same function, which throws `unavailable` while so many checks of endpoints are going on, or half as many of one owner. */
export function limitChecks(
  check: (request: DeliveryRequest) => Promise<DeliveryResult>,
): (request: DeliveryRequest, owner: string) => Promise<DeliveryResult> {
  const going: string[] = [];
  return async (request, owner) => {
    const own = going.filter((other) => other === owner).length;
    if (going.length >= MAX_CHECKS || own >= MAX_CHECKS_OF_ONE)
      throw new WhcbError("unavailable", `${own} of your endpoints, and ${going.length} in all, are being checked`);
    going.push(owner);
    try {
      return await check(request);
    } finally {
      going.splice(going.indexOf(owner), 1);
    }
  };
}
