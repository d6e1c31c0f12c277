/** What everybody delivers: the same callback, the same response, the same request. */
import type { CallbackSettings } from "../../../src/domain/callback.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import { systemRandom, timeOrderedId } from "../../../src/platform/random.js";
import type { NewCall } from "../../../src/store/calls/accept-calls.js";
import type { DeliveryRequest } from "../../../src/wire/delivery-request.js";
import { buildDelivery } from "../../support/wire/build-delivery.js";

/** Of every callback. */
export const CALLBACK_KEY = "a-secret-callback-key";

/** Encrypts it in every database. */
export const SECRET_KEY = new Uint8Array(32);

export const RESPONSE: MessageResponse = {
  messageId: "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
  messageLocation: "https://api.au.whispir.com/messages/0A1B2C3D4E5F60718293A4B5C6D7E8F9",
  from: { name: "Ada", mri: "", mobile: "61400000001", email: "", voice: "" },
  responseMessage: { channel: "SMS", kind: "reply", date: "24/11/26 09:30", content: "Yes, I will come" },
  customParameters: {},
};

/** Nothing that a list is filtered by is the same. */
export const RARE_RESPONSE: MessageResponse = {
  ...RESPONSE,
  messageId: "F9E8D7C6B5A4F3E2D1C0B9A8F7E6D5C4",
  from: { ...RESPONSE.from, name: "Grace", mobile: "61400000002" },
  responseMessage: { ...RESPONSE.responseMessage, channel: "VOICE", content: "No, never" },
};

/** The same as a caller hands it in. */
export const SUBMISSION = JSON.stringify({
  messageId: RESPONSE.messageId,
  messageLocation: RESPONSE.messageLocation,
  from: RESPONSE.from,
  responseMessage: { channel: "SMS", acknowledged: "24/11/26 09:30", content: "Yes, I will come" },
  customParameters: {},
});

export function settingsFor(url: string, over: Partial<CallbackSettings> = {}): CallbackSettings {
  return {
    name: "demo",
    url,
    auth: { type: "httpheader", key: CALLBACK_KEY },
    contentType: "json",
    removeHtml: false,
    signing: "disabled",
    retriesEnabled: true,
    email: "ops@example.com",
    events: { reply: true, undeliverable: true },
    ...over,
  };
}

export function sampleDelivery(url: string): DeliveryRequest {
  const request = buildDelivery(settingsFor(url), { id: timeOrderedId(0, systemRandom), response: RESPONSE });
  return { ...request, body: request.body.toString() };
}

export function newCalls(count: number, now: number, response = RESPONSE): NewCall[] {
  return Array.from({ length: count }, () => ({ id: timeOrderedId(now, systemRandom), response }));
}
