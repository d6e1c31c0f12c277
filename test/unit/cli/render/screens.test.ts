import { describe, expect, test } from "vitest";
import { renderCallback } from "../../../../src/cli/commands/callbacks/callback-columns.js";
import { renderCallHead } from "../../../../src/cli/commands/calls/call-details.js";
import { explainCall } from "../../../../src/cli/commands/calls/explain-call.js";
import type { CallbackState } from "../../../../src/cli/commands/status/callback-state.js";
import { sparkline } from "../../../../src/cli/commands/status/sparkline.js";
import { renderStatus } from "../../../../src/cli/commands/status/status-text.js";
import { PLAIN } from "../../../../src/cli/output/palette.js";
import { renderError } from "../../../../src/cli/output/render-error.js";
import type { RenderOptions } from "../../../../src/cli/output/render-options.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import { aListedCall, aListedCallback, aListedOutage } from "../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW };
const MINUTE = 60_000;

const FAILING: CallbackState = {
  callback: aListedCallback(),
  failed: 25_000,
  isCut: true,
  looked: 20_000,
  byStatusCode: [
    { statusCode: 503, calls: 19_990 },
    { statusCode: null, calls: 10 },
  ],
  byHour: [...Array.from({ length: 20 }, () => 0), 1, 8, 64, 19_927],
  oldestAttemptAt: NOW - 300 * MINUTE,
  newestAttemptAt: NOW,
  retried: { calls: 20_000, nextAt: NOW + 2 * MINUTE, until: NOW + 1_380 * MINUTE },
  outages: [aListedOutage()],
};

describe("status", () => {
  test("of a failing callback says since when, why, what is retried and what to type", () => {
    expect(`\n${renderStatus([FAILING], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  outage  http://127.0.0.1:9000/hook
        outage since 2026-11-24 10:00:00Z (2h ago), 12 calls failed
        ops@example.com was told at 2026-11-24 10:00:05Z
        25000 failed calls (503: 19990, no answer: 10; of the newest 20000)
        by hour, last 24: ····················▁▁▁█  now
        20000 still retried, next in 2m, the last until 2026-11-25 11:00:00Z
        next: whcb calls list demo --failed
              whcb replay demo --failed
      "
    `);
  });

  test("of a quiet one is two lines", () => {
    const quiet = {
      ...FAILING,
      failed: 0,
      isCut: false,
      looked: 0,
      byStatusCode: [],
      outages: [],
      retried: { calls: 0, nextAt: null, until: null },
    };
    expect(`\n${renderStatus([quiet], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  fine  http://127.0.0.1:9000/hook
        no failed calls
      "
    `);
  });

  test("tells a quiet hour from one with a single failure", () => {
    expect(sparkline([0, 1, 1_000])).toBe("·▁█");
    expect(sparkline([0, 0])).toBe("··");
  });

  test("puts a name that a shell would read into quotes", () => {
    const state = { ...FAILING, callback: aListedCallback({ name: "it's $(rm) \u001b[2J" }) };
    expect(renderStatus([state], OPTIONS)).toContain("whcb replay 'it'\\''s $(rm) ␛[2J' --failed");
  });
});

describe("why a call is where it is", () => {
  const callback = aListedCallback();
  test.each([
    ["PENDING", { status: "PENDING" }, "It waits for its first attempt."],
    ["delivered", { status: "SUCCESS", settledBy: "dispatcher" }, "demo took it (200); nothing more is sent."],
    ["marked SUCCESS", { status: "SUCCESS", settledBy: "user" }, "A person marked it SUCCESS; nothing more is sent."],
    [
      "retried",
      { nextAttemptAt: NOW + 3 * MINUTE, retryUntil: NOW + 60 * MINUTE },
      "The service sends it again 2026-11-24 12:03:00Z (in 3m), and then about every interval until 2026-11-24 13:00:00Z (in 1h).",
    ],
    [
      "given up",
      { retryUntil: NOW - MINUTE },
      "Its retry window ended 2026-11-24 11:59:00Z (1m ago): the service won't send it again by itself.",
    ],
    [
      "marked FAILED",
      { settledBy: "user" },
      "A person marked it FAILED. Nothing is due: the service won't send it again by itself.",
    ],
    [
      "held",
      { attemptCount: 0, statusMessage: "Held: endpoint down since 2026-11-24T10:00:00.000Z", nextAttemptAt: NOW + MINUTE },
      "It is held: it came while the endpoint was down, and hasn't been sent yet. The service sends it again 2026-11-24 12:01:00Z (in 1m).",
    ],
    [
      "on the platform",
      { attemptCount: null },
      "Retries are on for this callback; the service doesn't tell when the next one is due.",
    ],
  ] as const)("%s", (_, changes, sentence) => {
    expect(explainCall({ call: aListedCall(changes), callback, outage: null }, OPTIONS).join(" ")).toBe(sentence);
  });

  test("with retries off", () => {
    const facts = { call: aListedCall(), callback: aListedCallback({ retriesEnabled: false }), outage: aListedOutage() };
    expect(explainCall(facts, OPTIONS)).toEqual([
      "Retries are off for this callback: the service won't send it again by itself.",
      "The endpoint has had an outage since 2026-11-24 10:00:00Z (12 calls failed, ops@example.com was told at 2026-11-24 10:00:05Z).",
    ]);
  });
});

describe("calls get", () => {
  test("shows one call", () => {
    expect(
      `\n${renderCallHead({ call: aListedCall(), callback: aListedCallback(), outage: null }, OPTIONS)}`,
    ).toMatchInlineSnapshot(`
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

      Nothing is due: the service won't send it again by itself.
      "
    `);
  });
});

describe("callbacks get", () => {
  test("masks the key unless it is asked for", () => {
    expect(renderCallback(aListedCallback(), OPTIONS, false)).toContain("Key            ••••cret (--show-key shows it)\n");
    expect(renderCallback(aListedCallback(), OPTIONS, false)).not.toContain("a-key");
    expect(renderCallback(aListedCallback(), OPTIONS, true)).toContain("Key            a-key-that-is-secret\n");
  });
});

describe("an error", () => {
  const error = new WhcbError("not-found", "no call nope in demo\u001b[2J", { hint: "look again" });
  test("is a sentence and a hint", () => {
    expect(renderError(error, { json: false, palette: PLAIN })).toBe("error: no call nope in demo␛[2J\nhint: look again\n");
  });
  test("is one object in JSON modes", () => {
    expect(JSON.parse(renderError(error, { json: true, palette: PLAIN }))).toEqual({
      error: { code: "not-found", message: "no call nope in demo\u001b[2J", hint: "look again" },
    });
  });
  test("of whcb itself shows its stack", () => {
    expect(renderError(new TypeError("x is not a function"), { json: false, palette: PLAIN })).toMatch(
      /^error: unexpected: x is not a function\nTypeError: x is not a function\n {4}at /,
    );
  });
});

test.each([
  ["Stop that `whcb serve`.", "stop that `whcb serve`"],
  ["An operator can open it.", "an operator can open it"],
  ["WHCB_SECRET_KEY takes 32 bytes", "WHCB_SECRET_KEY takes 32 bytes"],
  ["Is it there? `whcb serve` starts one.", "is it there? `whcb serve` starts one."],
  ["did you mean demo?", "did you mean demo?"],
])("hints of every part read alike: %s", (hint, shown) => {
  const error = new WhcbError("config", "it is off", { hint });
  expect(renderError(error, { json: false, palette: PLAIN })).toBe(`error: it is off\nhint: ${shown}\n`);
});
