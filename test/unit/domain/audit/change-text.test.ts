import { expect, it } from "vitest";
import type { AuditDetails } from "../../../../src/domain/audit/audit-entry.js";
import { describeChange } from "../../../../src/domain/audit/change-text.js";

const SETTINGS = [
  { setting: "name", before: "a", after: "b" },
  { setting: "email", after: "ops@example.com" },
  { setting: "signing", before: "enabled" },
  { setting: "auth.key" },
];
const SETTINGS_TEXT = "name a -> b, email ops@example.com, signing enabled, auth.key";

it.each<[string, number | null, AuditDetails, string]>([
  ["callback-created", null, { settings: SETTINGS }, `created: ${SETTINGS_TEXT}`],
  ["callback-changed", null, { settings: SETTINGS }, `changed: ${SETTINGS_TEXT}`],
  ["callback-deleted", null, { settings: SETTINGS }, `deleted: ${SETTINGS_TEXT}`],
  ["callback-paused", null, { until: "2026-11-29T00:00:00.000Z" }, "paused until 2026-11-29T00:00:00.000Z"],
  ["callback-paused", null, {}, "paused until it is resumed"],
  ["callback-resumed", null, {}, "resumed"],
  ["calls-marked", 1, { status: "FAILED", callId: "A" }, "1 call marked FAILED: A"],
  ["calls-marked", 2, { status: "SUCCESS", settledBy: "replay" }, "2 calls marked SUCCESS as replayed: named by ids"],
  ["calls-marked", null, { settledBy: "user", filter: {} }, "0 calls marked : named by ids"],
  ["replay-requested", 3, { replayId: "R", filter: { q: "x", from: "y" } }, "replay R of 3 calls requested: q=x, from=y"],
  ["replay-requested", 3, {}, "replay  of 3 calls requested: named by ids"],
  ["attempts-reported", 3, {}, "3 attempts of a client's replay reported"],
  ["endpoint-tested", 2, { settings: [{ setting: "url", after: "http://h/x" }] }, "2 tests sent: url http://h/x"],
  ["replay-cancelled", null, { replayId: "R" }, "replay R cancelled"],
  ["sender-erased", 4, { mails: 1, filters: 2 }, "a sender erased: 4 calls, 1 e-mail, 2 filters"],
  ["sender-erased", null, {}, "a sender erased: 0 calls, 0 e-mails, 0 filters"],
  ["user-added", null, { username: "ada" }, "user ada added"],
  ["user-added", null, {}, "user  added"],
  ["user-changed", null, { username: "ada" }, "credentials of the user ada changed"],
  ["user-changed", null, { username: "ada", newApiKey: true }, "credentials of the user ada changed, with a new API key"],
  ["user-removed", null, { username: "ada" }, "user ada removed"],
  ["signed-in", null, {}, "signed in"],
  ["sign-in-failed", 2, {}, "2 sign-ins failed"],
  ["sign-in-failed", null, {}, "0 sign-ins failed"],
  ["of-a-later-version", null, {}, "of-a-later-version"],
])("%s of %j with %j reads as one line", (action, count, details, text) => {
  expect(describeChange({ action, count, details })).toBe(text);
});
