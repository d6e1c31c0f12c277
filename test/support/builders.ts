/** Values for tests that name only what matters to the case. */
import type { Attempt, DeliveryResult } from "../../src/domain/attempt.js";
import type { Call } from "../../src/domain/call.js";
import type { Callback, CallbackSettings } from "../../src/domain/callback.js";
import type { MessageResponse } from "../../src/domain/message-response.js";

export function someSettings(over: Partial<CallbackSettings> = {}): CallbackSettings {
  return {
    name: "demo",
    url: "http://127.0.0.1:9000/hook",
    auth: { type: "httpheader", key: "a-secret-callback-key" },
    contentType: "json",
    removeHtml: false,
    retriesEnabled: false,
    email: "ops@example.com",
    events: { reply: true, undeliverable: true },
    signing: "disabled",
    ...over,
  };
}

export function aCallback(over: Partial<Callback> = {}): Callback {
  const neverHappened = { repairedAt: 0, replayRequestedAt: 0, replayProbeAt: 0, signingSecrets: [], pause: null };
  return { ...someSettings(), id: "00112233445566AA", createdAt: 0, targetVersion: "", ...neverHappened, ...over };
}

export function aResponse(over: Partial<MessageResponse> = {}): MessageResponse {
  return {
    messageId: "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
    messageLocation: "https://api.au.whispir.com/messages/0A1B2C3D4E5F60718293A4B5C6D7E8F9",
    from: { name: "Ada", mri: "", mobile: "61400000001", email: "", voice: "" },
    responseMessage: { channel: "SMS", kind: "reply", date: "24/11/26 09:30", content: "Yes" },
    customParameters: {},
    ...over,
  };
}

export function aCall(over: Partial<Call> = {}): Call {
  return {
    seq: 1,
    id: "0193A1B2C3D47E5F8091A2B3C4D5E6F7",
    callbackId: "00112233445566AA",
    response: aResponse(),
    acceptedAt: 0,
    status: "PENDING",
    attemptCount: 0,
    attemptedAt: null,
    statusCode: null,
    statusMessage: null,
    error: null,
    firstFailedAt: null,
    due: null,
    failedInRecovery: 0,
    settledBy: null,
    changedAt: 0,
    sentAt: null,
    isReplayed: false,
    outageId: null,
    ...over,
  };
}

export const ACCEPTED: DeliveryResult = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" };
export const REFUSED_503: DeliveryResult = { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "" };

export function anAttempt(over: Partial<Attempt> = {}): Attempt {
  return { number: 1, startedAt: 0, durationMs: 0, cause: "first", result: REFUSED_503, ...over };
}
