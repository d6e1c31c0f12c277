import fc from "fast-check";
import type { Attempt, DeliveryResult } from "../../../src/domain/attempt.js";
import type { Call } from "../../../src/domain/call.js";
import type { CallbackSettings } from "../../../src/domain/callback.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import type { Outage } from "../../../src/domain/outage.js";

/** The text may have markup, quotes, control characters, emoji, and line ends of each kind. */
export const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        "<b>",
        "]]>",
        "&amp;",
        "&",
        "<!DOCTYPE x>",
        "<![CDATA[",
        "\r\n",
        "\n",
        "\r",
        "\t",
        " ",
        "é",
        "😀",
        "a",
        "'",
        '"',
      ),
    )
    .map((parts) => parts.join("")),
);

export const anyInstant = fc.integer({ min: Date.UTC(2000, 0, 2), max: Date.UTC(2099, 11, 30) });

export const hexId = fc.stringMatching(/^[0-9A-F]{32}$/);

export const anyResponse: fc.Arbitrary<MessageResponse> = fc.record({
  messageId: hexId,
  messageLocation: fc.webUrl(),
  from: fc.record({ name: anyText, mri: anyText, mobile: anyText, email: anyText, voice: anyText }),
  responseMessage: fc.record({
    channel: fc.constantFrom("SMS" as const, "EMAIL" as const, "VOICE" as const),
    kind: fc.constantFrom("reply" as const, "undeliverable" as const),
    date: fc.constantFrom("09/01/16 13:22", "31/12/99 23:59"),
    content: anyText,
  }),
  customParameters: fc.dictionary(anyText, anyText, { maxKeys: 4, noNullPrototype: true }),
});

const anyJson = fc.jsonValue({ maxDepth: 3 }).map((value): unknown => JSON.parse(JSON.stringify(value)));
const anyValue = fc.oneof({ weight: 2, arbitrary: anyText }, fc.constantFrom("", null, 0, false), anyJson);

/** `names` are the known ones; others may come too. */
function anyObject(...names: readonly string[]): fc.Arbitrary<unknown> {
  const anyName = fc.oneof(fc.constantFrom(...names), fc.constantFrom("__proto__", "constructor", "1", "a b", ""), anyText);
  return fc.array(fc.tuple(anyName, anyValue), { maxLength: 6 }).map((members) => Object.fromEntries(members));
}

/** A service may list a call like this: each member may be there, with any value, or not. */
export const anyGivenResponse: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    id: hexId,
    messageId: anyValue,
    messageLocation: anyValue,
    from: fc.oneof({ weight: 3, arbitrary: anyObject("name", "mri", "mobile", "email", "voice") }, anyValue),
    responseMessage: fc.oneof(
      { weight: 3, arbitrary: anyObject("channel", "acknowledged", "undeliverable", "content", "kind", "date") },
      anyValue,
    ),
    // Their values become texts.
    customParameters: fc.oneof(
      fc.dictionary(anyText, anyText, { maxKeys: 3, noNullPrototype: true }),
      anyValue.filter((value) => typeof value !== "object" || value === null || Array.isArray(value)),
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

export const anySettings: fc.Arbitrary<CallbackSettings> = fc.record({
  name: fc.stringMatching(/^[A-Za-z0-9_ ]{1,50}$/),
  url: fc.webUrl({ withQueryParameters: true }),
  auth: fc.record({
    type: fc.constantFrom("queryparam" as const, "httpheader" as const, "basicauth" as const, "bearertoken" as const),
    // The key must not read as masked.
    key: fc.stringMatching(/^k1[!-~]{0,126}$/),
  }),
  contentType: fc.constantFrom("json" as const, "xml" as const),
  removeHtml: fc.boolean(),
  retriesEnabled: fc.boolean(),
  email: fc.constantFrom("ops@example.com", "a.b+c@example.org"),
  events: fc.record({ reply: fc.boolean(), undeliverable: fc.boolean() }),
  signing: fc.constantFrom("enabled" as const, "disabled" as const),
});

const anyResult: fc.Arbitrary<DeliveryResult> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("answered" as const),
      statusCode: fc.integer({ min: 100, max: 599 }),
      statusMessage: anyText,
      body: anyText,
      retryAfterMs: fc.nat(),
    },
    { requiredKeys: ["kind", "statusCode", "statusMessage", "body"] },
  ),
  fc.record({
    kind: fc.constant("unreachable" as const),
    reason: fc.constantFrom("refused" as const, "dns" as const, "tls" as const, "reset" as const),
    detail: anyText,
  }),
);

export const anyAttempt: fc.Arbitrary<Attempt> = fc.record({
  number: fc.integer({ min: 1, max: 300 }),
  startedAt: anyInstant,
  durationMs: fc.integer({ min: 0, max: 60_000 }),
  cause: fc.constantFrom("first" as const, "retry" as const, "probe" as const, "replay" as const),
  result: anyResult,
});

export const anyCall: fc.Arbitrary<Call> = fc.record({
  seq: fc.nat(),
  id: hexId,
  callbackId: fc.constant("0123456789ABCDEF"),
  response: anyResponse,
  acceptedAt: anyInstant,
  status: fc.constantFrom("PENDING" as const, "SUCCESS" as const, "FAILED" as const),
  attemptCount: fc.nat(300),
  attemptedAt: fc.option(anyInstant),
  statusCode: fc.option(fc.integer({ min: 100, max: 599 })),
  statusMessage: fc.option(anyText.filter((text) => text !== "")),
  error: fc.constant(null),
  firstFailedAt: fc.option(anyInstant),
  due: fc.option(fc.record({ at: anyInstant, cause: fc.constantFrom("retry" as const, "replay" as const) })),
  failedInRecovery: fc.constant(0),
  settledBy: fc.constantFrom("dispatcher" as const, "user" as const, "replay" as const, null),
  changedAt: anyInstant,
  sentAt: fc.option(anyInstant),
  isReplayed: fc.boolean(),
  outageId: fc.option(fc.string()),
});

export const anyOutage: fc.Arbitrary<Outage> = fc.record({
  id: hexId,
  callbackId: fc.constant("0123456789ABCDEF"),
  startedAt: anyInstant,
  failedCalls: fc.nat(1_000_000),
  quietSince: fc.option(anyInstant),
  endedAt: fc.option(anyInstant),
  notifiedAt: fc.option(anyInstant),
  notifiedBy: fc.constantFrom("smtp", "file", null),
  mailError: fc.option(fc.string({ minLength: 1 })),
});
