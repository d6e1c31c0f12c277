import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { Attempt } from "../../../../src/domain/attempt.js";
import type { Call } from "../../../../src/domain/call.js";
import { NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../../../src/domain/retry-policy.js";
import { requestOf } from "../../../../src/server/console/components/call-request.js";
import { OneCall, type OneCallView } from "../../../../src/server/console/pages/one-call.js";
import { aCall, aCallback, anAttempt, aResponse } from "../../../support/builders.js";

const NOW = Date.UTC(2030, 0, 1, 9, 30);
const FAILED = { status: "FAILED", attemptCount: 1, attemptedAt: NOW, firstFailedAt: NOW, statusCode: 503 } as const;

const NAMES = { authParameter: "apikey", bodyNames: "messageid-messagelocation", isWhole: true } as const;

const aView = (over: Partial<Call>, rest: Partial<OneCallView> = {}): OneCallView => {
  const call = aCall(over);
  const callback = rest.callback ?? aCallback({ retriesEnabled: true });
  return {
    callback,
    call,
    attempts: [],
    sending: {
      endpoint: NEW_ENDPOINT,
      policy: DEFAULT_RETRY_POLICY,
      retriesEnabled: true,
      begun: null,
      pause: null,
      now: NOW - 1,
    },
    marker: null,
    request: requestOf(callback, call, NAMES),
    ...rest,
  };
};

const textOf = (view: OneCallView): string => {
  return render(<OneCall {...view} />)
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&quot;", '"')
    .replace(/\s+/g, " ");
};

const attempted = (over: Partial<Attempt>, call: Partial<Call> = FAILED) => textOf(aView(call, { attempts: [anAttempt(over)] }));

describe("a settled call", () => {
  it("says who settled it, and can be marked failed again unless it was erased", () => {
    expect(textOf(aView({ status: "SUCCESS", settledBy: "replay" }))).toContain("successful a client replayed it");
    expect(textOf(aView({ status: "SUCCESS", settledBy: "user" }))).toMatch(/a user marked it successful.*Mark failed again/);
    const erased = aView({ status: "SUCCESS", settledBy: "user", statusMessage: "Erased: the sender's data was removed" });
    expect(textOf(erased)).toMatch(/the sender's data was erased.*Erased with the sender's data/);
    expect(textOf(erased)).not.toContain("Mark failed again");
  });

  it("can't be marked failed again if it has never failed", () => {
    const accepted = { status: "SUCCESS", settledBy: "dispatcher", attemptCount: 1 } as const;
    expect(textOf(aView(accepted))).not.toContain("Mark failed again");
    expect(textOf(aView({ ...accepted, firstFailedAt: NOW }))).toContain("Mark failed again");
  });
});

it("begins with what the sender wrote", () => {
  expect(textOf(aView(FAILED))).toMatch(/^ failed 503 Yes Next attempt/);
});

describe("a held call", () => {
  const HELD = { ...FAILED, attemptCount: 0, statusCode: null, due: { at: NOW, cause: "retry" } } as const;

  it("says since when it is held, and shows neither an attempt nor the text that is stored with it", () => {
    const statusMessage = "Held: endpoint down since 2029-12-31T23:59:00.000Z";
    const text = textOf(aView({ ...HELD, statusMessage }));
    expect(text).toContain("held no outcome yet: it arrived while the endpoint was down");
    expect(text).toContain("Held at 2030-01-01 09:30:00 UTC Attempts 0");
    expect(text).toContain("2030-01-01 09:30:00 UTC held, as the endpoint was down");
    expect(text).not.toMatch(/last attempt|T23:59/i);
  });

  it("whose time is over still says why it wasn't sent, without a date of an old database", () => {
    const statusMessage = "Held: endpoint down since 2029-12-31T23:59:00.000Z";
    expect(textOf(aView({ ...HELD, due: null, statusMessage }))).toContain("failed Held: endpoint down Yes Next attempt");
  });
});

describe("attempts", () => {
  it("say when one was sent twice on new connections", () => {
    const result = { kind: "unreachable", reason: "reset", detail: "closed", resent: true } as const;
    expect(attempted({ result })).toContain("connection lost: closed (sent again on a new connection)");
  });

  it("say for how long the endpoint asked for a pause", () => {
    const result = { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "", retryAfterMs: 120_000 } as const;
    expect(attempted({ result })).toContain("503 Busy (Retry-After: 2m)");
  });

  it("say when the call failed, not when that attempt began", () => {
    expect(attempted({ startedAt: NOW, durationMs: 60_000 })).toContain("First failed 2030-01-01 09:31:00 UTC");
    expect(attempted({ number: 301, startedAt: NOW + 1 })).toContain("First failed attempt began 2030-01-01 09:30:00 UTC");
  });
});

describe("the latest answer", () => {
  const answered = (body: string, over: { isCut?: true } = {}) => {
    return { result: { kind: "answered", statusCode: 503, statusMessage: "Busy", body, ...over } as const };
  };

  it("is shown with a line per value, and as it came where JSON would change it", () => {
    const html = render(<OneCall {...aView(FAILED, { attempts: [anAttempt(answered('{"error":12345678901234567890}'))] })} />);
    expect(html).toContain("{\n  &quot;error&quot;: 12345678901234567890\n}");
    expect(attempted(answered("no JSON {"))).toContain("no JSON {");
  });

  it("says so if it was longer than what is kept", () => {
    expect(attempted(answered("short"))).not.toContain("1 KiB");
    expect(attempted(answered("short", { isCut: true }))).toContain("Only the first 1 KiB of an answer is kept.");
    expect(attempted(answered("x".repeat(1_024)))).toContain("Only the first 1 KiB");
  });

  it("is called so unless a later one had no body", () => {
    const attempts = [anAttempt({ number: 1, ...answered("one") }), anAttempt({ number: 2, ...answered("") })];
    expect(textOf(aView(FAILED, { attempts }))).toContain("Latest answer with a body 503 Busy, to attempt 1 one");
    const lost = { result: { kind: "unreachable", reason: "reset", detail: "closed" } as const };
    expect(textOf(aView(FAILED, { attempts: [anAttempt(answered("one")), anAttempt({ number: 2, ...lost })] }))).toContain(
      "Latest answer 503 Busy",
    );
  });

  it("isn't repeated with its attempt", () => {
    const attempts = [anAttempt({ number: 1, ...answered("one") }), anAttempt({ number: 2, ...answered("two") })];
    expect(textOf(aView(FAILED, { attempts }))).toMatch(
      /Busy, to attempt 2 two History .* Answer one .* \(its answer is above\)/,
    );
  });
});

describe("the request", () => {
  it("of any size is shown up to a limit, and says so", () => {
    const { responseMessage } = aResponse();
    const response = aResponse({ responseMessage: { ...responseMessage, content: "x".repeat(200_000) } });
    const html = render(<OneCall {...aView({ ...FAILED, response })} />);
    expect(html.length).toBeLessThan(75_000);
    expect(html).toContain("Only the beginning is shown.");
    expect(html).not.toContain("curl");
  });

  it.each(["queryparam", "httpheader", "basicauth", "bearertoken"] as const)("shows no secret of %s", (type) => {
    const callback = aCallback({ url: "https://h.example/hook?token=s3cret", auth: { type, key: "k3y of it" } });
    const html = render(<OneCall {...aView(FAILED, { callback })} />);
    expect(html).toContain("POST https://h.example/hook?token=****");
    expect(html).toContain("$WHCB_CALLBACK_URL");
    expect(html).toContain("$WHCB_CALLBACK_KEY");
    expect(html).not.toMatch(/s3cret|k3y|k3y%20/);
  });
});

describe("a call that failed", () => {
  it("isn't called accepted, which is what an endpoint does", () => {
    const text = textOf(aView({ ...FAILED, acceptedAt: NOW }));
    expect(text).toContain("Arrived 2030-01-01 09:30:00 UTC");
    expect(text).not.toContain("Accepted");
  });
});
