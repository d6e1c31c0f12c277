import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { Call } from "../../../../../src/domain/call.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../../../../src/domain/retry-policy.js";
import { NextAttempt, type Sending } from "../../../../../src/server/console/components/next-attempt.js";
import { aCall } from "../../../../support/builders.js";

const NOW = Date.UTC(2030, 0, 1, 9, 30);
const MINUTE = 60_000;
const FAILED = { status: "FAILED", attemptCount: 1, sentAt: NOW, attemptedAt: NOW, firstFailedAt: NOW - MINUTE } as const;
const RETRY = { ...FAILED, due: { at: NOW + MINUTE, cause: "retry" } } as const;
const LATE_RETRY = { ...FAILED, due: { at: NOW - MINUTE, cause: "retry" } } as const;
const REPLAY = { ...FAILED, due: { at: NOW - MINUTE, cause: "replay" } } as const;
const DOWN: Endpoint = { ...NEW_ENDPOINT, state: "down", roundAt: NOW + 3 * MINUTE, probeAt: NOW + 2 * MINUTE };
const RECOVERING: Endpoint = { ...NEW_ENDPOINT, state: "recovering", recoveringSince: NOW - MINUTE };

const textOf = (call: Partial<Call>, over: Partial<Sending> & { isBrief?: boolean } = {}): string => {
  const { isBrief = false, ...others } = over;
  const sending = {
    endpoint: NEW_ENDPOINT,
    policy: DEFAULT_RETRY_POLICY,
    retriesEnabled: true,
    begun: null,
    pause: null,
    now: NOW,
    ...others,
  };
  return render(<NextAttempt call={aCall(call)} sending={sending} isBrief={isBrief} />)
    .replace(/<[^>]+>/g, "")
    .replace(/\s+/g, " ");
};

describe("the next attempt", () => {
  it.each<[string, string, Partial<Call>, Partial<Sending>]>([
    ["of an endpoint that is up is its own", "2030-01-01 09:31:00 UTC", RETRY, {}],
    ["that is due isn't in the past", "due now", LATE_RETRY, {}],
    ["in flight in this process is being sent", "being sent", LATE_RETRY, { begun: new Set([1]) }],
    ["of a call that waits is the first", "the first, due now", {}, {}],
    [
      "while the endpoint is down is in a round of the endpoint's",
      "in a retry round (10 each 5 minutes; next at 2030-01-01 09:33:00 UTC)",
      LATE_RETRY,
      { endpoint: DOWN },
    ],
    [
      "while a round is due, too",
      "in a retry round (10 each 5 minutes; next due now)",
      RETRY,
      { endpoint: { ...DOWN, roundAt: NOW } },
    ],
    ["of a replay is a round's too", "a replay, in a retry round (10 each 5 minutes; ", REPLAY, { endpoint: DOWN }],
    ["of a replay is due at once", "a replay, due now", REPLAY, {}],
    ["of a new call while down is a probe", "the first, with a probe (next at 2030-01-01 09:32:00 UTC)", {}, { endpoint: DOWN }],
    ["of a new call without retries needs no probe", "the first, due now", {}, { endpoint: DOWN, retriesEnabled: false }],
    ["in a recovery comes in turn", "as the endpoint recovers, oldest first", RETRY, { endpoint: RECOVERING }],
    ["in a pause comes after it", "after the pause", RETRY, { endpoint: RECOVERING, pause: { at: NOW, until: null, by: null } }],
    ["of a new call in a pause, too", "after the pause", {}, { pause: { at: NOW, until: NOW + MINUTE, by: null } }],
    [
      "isn't made if the window ends before the pause",
      "not by itself",
      RETRY,
      { endpoint: RECOVERING, pause: { at: NOW, until: NOW + 2 * DEFAULT_RETRY_POLICY.windowMs, by: null } },
    ],
    ["without retries isn't made by itself", "not by itself: retries are off", FAILED, { retriesEnabled: false }],
    [
      "after the window isn't either",
      "not by itself: its retries ended at 2029-12-31 09:30:00 UTC",
      { ...LATE_RETRY, firstFailedAt: NOW - 48 * 60 * MINUTE },
      { endpoint: DOWN },
    ],
    ["of a mark isn't either", "not by itself: it was marked failed", { ...FAILED, settledBy: "user" }, {}],
    ["of a settled call is none", "none: it is settled", { status: "SUCCESS" }, {}],
  ])("%s", (_, text, call, sending) => {
    expect(textOf(call, sending)).toContain(text);
  });

  it("is brief in a table", () => {
    expect(textOf(LATE_RETRY, { endpoint: DOWN, isBrief: true })).toBe("in a retry round");
    expect(textOf(FAILED, { retriesEnabled: false, isBrief: true })).toBe("not by itself");
  });
});
