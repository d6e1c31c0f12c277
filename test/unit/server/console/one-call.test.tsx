import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { Call } from "../../../../src/domain/call.js";
import { NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../../../src/domain/retry-policy.js";
import { OneCall, type OneCallView } from "../../../../src/server/console/pages/one-call.js";
import { aCall, aCallback, anAttempt } from "../../../support/builders.js";

const NOW = Date.UTC(2030, 0, 1, 9, 30);
const FAILED = { status: "FAILED", attemptCount: 1, attemptedAt: NOW, firstFailedAt: NOW, statusCode: 503 } as const;

const aView = (call: Partial<Call>, over: Partial<OneCallView> = {}): OneCallView => ({
  callback: aCallback({ retriesEnabled: true }),
  call: aCall(call),
  attempts: [],
  sending: { endpoint: NEW_ENDPOINT, policy: DEFAULT_RETRY_POLICY, retriesEnabled: true, begun: null, now: NOW - 1 },
  body: "{}",
  ...over,
});

const textOf = (view: OneCallView): string => {
  return render(<OneCall {...view} />)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
};

describe("a settled call", () => {
  it("says who settled it, and can be marked failed again unless it was erased", () => {
    expect(textOf(aView({ status: "SUCCESS", settledBy: "replay" }))).toContain("Settled a client replayed it");
    expect(textOf(aView({ status: "SUCCESS", settledBy: "user" }))).toMatch(/a user marked it successful.*Mark failed again/);
    const erased = aView({ status: "SUCCESS", settledBy: "user", statusMessage: "Erased: the sender's data was removed" });
    expect(textOf({ ...erased, body: null })).toMatch(/the sender's data was erased.*Erased with the sender's data/);
    expect(textOf({ ...erased, body: null })).not.toContain("Mark failed again");
  });
});

describe("attempts", () => {
  it("say that a held call had none, and when one was sent twice on new connections", () => {
    expect(textOf(aView({ ...FAILED, attemptCount: 0, statusCode: null }))).toContain("it arrived while the endpoint was down");
    const result = { kind: "unreachable", reason: "reset", detail: "closed", resent: true } as const;
    expect(textOf(aView(FAILED, { attempts: [anAttempt({ result })] }))).toContain(
      "reset: closed (sent again on a new connection)",
    );
  });

  it("say for how long the endpoint asked for a pause", () => {
    const result = { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "", retryAfterMs: 120_000 } as const;
    expect(textOf(aView(FAILED, { attempts: [anAttempt({ result })] }))).toContain("503 Busy (Retry-After: 2m)");
  });
});

describe("a body", () => {
  it("of any size is shown up to a limit, and says so", () => {
    const body = JSON.stringify({ content: "x".repeat(200_000) });
    const html = render(<OneCall {...aView(FAILED, { body })} />);
    expect(html.length).toBeLessThan(75_000);
    expect(html).toContain("Only the beginning is shown.");
  });
});

describe("a call that failed", () => {
  it("isn't called accepted, which is what an endpoint does", () => {
    const text = textOf(aView({ ...FAILED, acceptedAt: NOW }));
    expect(text).toContain("Arrived 2030-01-01 09:30:00 UTC");
    expect(text).not.toContain("Accepted");
  });
});
