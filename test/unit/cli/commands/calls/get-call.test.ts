import { describe, expect, test } from "vitest";
import { explainCall, renderDetails } from "../../../../../src/cli/commands/calls/get-call.js";
import { PLAIN, type RenderOptions } from "../../../../../src/cli/output/screen.js";
import { aListedCall, aListedCallback, aListedOutage } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW, serviceFlags: [] };
const NOT_DOWN = { callback: aListedCallback(), reportsRetries: true, outage: null };

describe("calls get", () => {
  test("shows the call, its last attempt and the reason for its state", () => {
    expect(`\n${renderDetails({ call: aListedCall(), ...NOT_DOWN, attempts: null }, OPTIONS)}`).toMatchInlineSnapshot(`
      "
      Call          01A21005625A7A0880E72DC908BEA1E7
      Callback      demo (9837E6D82347EB5D)
      Endpoint      http://127.0.0.1:9000/hook
      Status        FAILED
      Last attempt  2026-11-24 11:59:30Z, 503: Service Unavailable
      Message       7FABF93F8168CABA89F35C1DE659C4AF
      Response      reply by SMS, 24/11/26 11:59
      From          61491570140, Person 40
      Content       Yes, I can come

      No retry is scheduled: the service won't send it again by itself.

      This service doesn't return the attempts.
      "
    `);
  });
});

describe("the endpoint's answer", () => {
  const shown = (body: string, width: number | null = 40, cut = "") => {
    const attempt = { number: 2, attemptedAt: NOW, durationMs: 5, statusCode: 422, statusMessage: "Unprocessable", body };
    const none = { error: null, cause: "retry" as const, sentFrom: null, isResent: false, retryAfterMs: null };
    const details = { call: aListedCall(), ...NOT_DOWN, attempts: [{ ...attempt, ...none }] };
    return String(renderDetails(details, { ...OPTIONS, width })).split(`answer to attempt 2${cut}:\n`)[1];
  };

  test("is shown in full, wrapped at words", () => {
    const body = "The field “mobile” isn't a number\nthat this service knows. \u001b[31m";
    expect(shown(body)).toBe("  | The field “mobile” isn't a number\n  | that this service knows. ␛[31m\n");
    expect(shown("one two three", 12)).toBe("  | one two\n  | three\n");
  });

  test("that is JSON has a value a line, and stays the same document", () => {
    expect(shown(`{"error": {"fields":["a,b:\\"{}", 12345678901234567890], "none":[ ]},"error":{}}`)).toBe(
      `  | {
  |   "error": {
  |     "fields": [
  |       "a,b:\\"{}",
  |       12345678901234567890
  |     ],
  |     "none": []
  |   },
  |   "error": {}
  | }
`,
    );
  });

  test("that was cut off, or is no JSON, stays as it is", () => {
    expect(shown(`{"error": "no`)).toBe(`  | {"error": "no\n`);
    expect(shown(" ")).toBeUndefined();
  });

  test("that a service makes deep or long takes no more room than others", () => {
    const deep = "[".repeat(100) + "]".repeat(100);
    expect(shown(deep, null)).toBe(`  | ${deep}\n`);
    const long = shown("x\n".repeat(1_000_000), null, " (its first 4096 of 1999999 characters)");
    expect(long).toBe(`${"  | x\n".repeat(2_048)}  | \n`);
  });
});

describe("a held call", () => {
  test("without a date has no comma, and shows since when as other times", () => {
    const held = aListedCall({
      attemptCount: 0,
      statusCode: null,
      statusMessage: "Held: endpoint down since 2026-11-24T11:30:00.509Z",
    });
    const responseMessage = { ...held.response.responseMessage, date: "" };
    const call = { ...held, response: { ...held.response, responseMessage } };
    const shown = String(renderDetails({ call, ...NOT_DOWN, attempts: null }, OPTIONS));
    expect(shown).toMatch(/\nLast attempt .*no outcome yet: Held: endpoint down since 2026-11-24 11:30:00Z\n/);
    expect(shown).toMatch(/\nResponse +reply by SMS\n/);
  });
});

const MINUTE = 60_000;

describe("the reason for a call's state", () => {
  test.each([
    [
      "erased",
      { status: "SUCCESS", settledBy: "user", statusCode: null, statusMessage: "Erased: the sender's data was removed" },
      "Its sender's data was erased; nothing more is sent.",
    ],
    [
      "marked, whose endpoint says that it was erased",
      { status: "SUCCESS", settledBy: "user", statusMessage: "Erased: the sender's data was removed" },
      "It was marked SUCCESS; nothing more is sent.",
    ],
    ["PENDING", { status: "PENDING" }, "It is waiting for its first attempt to end."],
    ["delivered", { status: "SUCCESS", settledBy: "dispatcher" }, "demo accepted it (200); nothing more is sent."],
    [
      "replayed",
      { status: "SUCCESS", settledBy: "replay", statusCode: 200 },
      "demo accepted it in a replay (200); nothing more is sent.",
    ],
    [
      "marked as replayed, without an accepted attempt",
      { status: "SUCCESS", settledBy: "replay", settledByUser: "ada", statusCode: 503 },
      "It was marked SUCCESS by ada, as accepted in a replay; nothing more is sent.",
    ],
    ["marked SUCCESS", { status: "SUCCESS", settledBy: "user" }, "It was marked SUCCESS; nothing more is sent."],
    [
      "retried",
      { nextAttemptAt: NOW + 3 * MINUTE, retryUntil: NOW + 60 * MINUTE },
      "The service sends it again at 2026-11-24 12:03:00Z (in 3m), and retries it until 2026-11-24 13:00:00Z (in 1h).",
    ],
    [
      "past its retry window",
      { retryUntil: NOW - MINUTE },
      "Its retry window ended at 2026-11-24 11:59:00Z (1m ago): the service won't send it again by itself.",
    ],
    [
      "marked FAILED",
      { settledBy: "user" },
      "It was marked FAILED. No retry is scheduled: the service won't send it again by itself.",
    ],
    [
      "held",
      { attemptCount: 0, statusMessage: "Held: endpoint down since 2026-11-24T10:00:00.000Z", nextAttemptAt: NOW + MINUTE },
      "It is held: it arrived while the endpoint was down, and no attempt of it has ended. The service sends it at 2026-11-24 12:01:00Z (in 1m).",
    ],
    [
      "held, and marked FAILED",
      { attemptCount: 0, statusMessage: "Held: endpoint down", settledBy: "user" },
      "It was marked FAILED. It was held: it arrived while the endpoint was down, and no attempt of it has ended. No retry is scheduled: the service won't send it by itself.",
    ],
    [
      "marked FAILED before its first attempt",
      { attemptCount: 0, statusMessage: null, settledBy: "user" },
      "It was marked FAILED. No attempt of it has ended. No retry is scheduled: the service won't send it by itself.",
    ],
  ] as const)("%s", (_, changes, sentence) => {
    const facts = { call: aListedCall(changes), ...NOT_DOWN };
    expect(explainCall(facts, OPTIONS).join(" ")).toBe(sentence);
  });

  test.each([
    ["FAILED", true, "Retries are on for this callback."],
    ["FAILED", false, "Retries are off for this callback."],
    ["FAILED", null, "Retries: unknown, the service didn't return the callback's setting."],
    ["SUCCESS", true, "It was delivered or marked SUCCESS."],
  ] as const)("on a service that reports no retries: %s, with the setting %s", (status, retriesEnabled, sentence) => {
    const callback = aListedCallback({ retriesEnabled });
    const facts = { ...NOT_DOWN, call: aListedCall({ status }), callback, reportsRetries: false };
    expect(explainCall(facts, OPTIONS)).toEqual([sentence]);
  });

  test("with an endpoint that is down without an open outage", () => {
    const down = aListedCallback({ downSince: NOW });
    const facts = { ...NOT_DOWN, call: aListedCall({ status: "PENDING" }), callback: down };
    expect(explainCall(facts, OPTIONS)).toEqual([
      "It is waiting for its first attempt to end.",
      "The service is checking the endpoint, which has been failing since 2026-11-24 12:00:00Z.",
    ]);
  });

  test("in a pause without an end", () => {
    const callback = aListedCallback({ pause: { by: "ada", until: null } });
    const facts = { ...NOT_DOWN, call: aListedCall({ nextAttemptAt: NOW }), callback };
    expect(explainCall(facts, OPTIONS)[0]).toBe("The service sends it again once demo is resumed.");
  });

  test("with retries off", () => {
    const callback = aListedCallback({ retriesEnabled: false });
    const facts = { ...NOT_DOWN, call: aListedCall(), callback, outage: aListedOutage() };
    expect(explainCall(facts, OPTIONS)).toEqual([
      "Retries are off for this callback: the service won't send it again by itself.",
      "The endpoint has been failing since 2026-11-24 10:00:00Z.",
      "Its outage began at 2026-11-24 10:00:00Z (12 failed calls; its e-mail was sent at 2026-11-24 10:00:05Z).",
    ]);
  });
});
