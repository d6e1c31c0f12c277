import type { DeliveryTarget } from "../../../src/domain/callback.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import { addressDelivery, buildBody, type DeliveryOptions, type DeliveryRequest } from "../../../src/wire/delivery-request.js";
import type { LongXml } from "../../../src/wire/xml/xml-write.js";

export function buildDelivery(
  target: DeliveryTarget,
  { id, response }: { readonly id: string; readonly response: MessageResponse },
  options: DeliveryOptions = {},
): DeliveryRequest<string | LongXml> {
  return addressDelivery(target, { id, body: buildBody(target, response, options.bodyNames) }, options);
}
