/** It builds callbacks, calls and outages as a client lists them; a test names what matters. */
import type { CallPage } from "../../../src/client/call-requests.js";
import type { ListedCall, ListedCallback, ListedOutage } from "../../../src/client/client.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";

export function aListedCallback(changes: Partial<ListedCallback> = {}): ListedCallback {
  return {
    id: "9837E6D82347EB5D",
    name: "demo",
    url: "http://127.0.0.1:9000/hook",
    auth: { type: "httpheader", key: "a-key-that-is-secret" },
    contentType: "json",
    removeHtml: false,
    isSigned: false,
    signingSecret: null,
    retriesEnabled: true,
    email: "ops@example.com",
    events: { reply: true, undeliverable: true },
    downSince: null,
    waitingSince: null,
    waitingCalls: null,
    sending: null,
    expiredCalls: null,
    health: null,
    pause: null,
    raw: {},
    ...changes,
  };
}

export function aListedCall(
  changes: Partial<Omit<ListedCall, "response">> & {
    readonly content?: string;
    readonly from?: Partial<MessageResponse["from"]>;
  } = {},
): ListedCall {
  const { content = "Yes, I can come", from = {}, ...rest } = changes;
  return {
    id: "01A21005625A7A0880E72DC908BEA1E7",
    callbackId: "9837E6D82347EB5D",
    status: "FAILED",
    response: {
      messageId: "7FABF93F8168CABA89F35C1DE659C4AF",
      messageLocation: "http://127.0.0.1:8787/messages/7FABF93F8168CABA89F35C1DE659C4AF",
      from: { name: "Person 40", mri: "", mobile: "61491570140", email: "", voice: "", ...from },
      responseMessage: { channel: "SMS", kind: "reply", date: "24/11/26 11:59", content },
      customParameters: {},
    },
    attemptedAt: Date.UTC(2026, 10, 24, 11, 59, 30),
    statusCode: 503,
    statusMessage: "Service Unavailable",
    attemptCount: 1,
    nextAttemptAt: null,
    retryUntil: null,
    settledBy: null,
    settledByUser: null,
    raw: {},
    ...rest,
  };
}

export function aListedOutage(changes: Partial<ListedOutage> = {}): ListedOutage {
  return {
    id: "01A21005625A7A0880E72DC908BEA1E8",
    callbackId: "9837E6D82347EB5D",
    startedAt: Date.UTC(2026, 10, 24, 10),
    endedAt: null,
    recoveringSince: null,
    failedCalls: 12,
    notifiedAt: Date.UTC(2026, 10, 24, 10, 0, 5),
    notifiedBy: "smtp",
    mailError: null,
    ...changes,
  };
}

export function aCallPage(calls: readonly ListedCall[], over: Partial<CallPage> = {}): CallPage {
  return { calls, withoutId: [], leftOut: 0, unclear: 0, total: calls.length, ...over };
}
