import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { ServiceReplay } from "../../../../src/domain/callback.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../../../src/domain/retry-policy.js";
import type { Sending } from "../../../../src/server/console/components/next-attempt.js";
import { OneReplay, type ReplayView } from "../../../../src/server/console/pages/replay-pages.js";

const STOPPED_AT = Date.UTC(2030, 0, 1, 9, 31);

const aReplay = (over: Partial<ServiceReplay>): ServiceReplay => ({
  id: "00112233445566AA",
  requestedAt: Date.UTC(2030, 0, 1, 9, 30),
  total: 100,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  left: 100,
  cancelledAt: null,
  requestedBy: null,
  selection: null,
  confirmed: null,
  inEarlier: 0,
  collecting: null,
  ...over,
});

const sendingAt = (now: number, endpoint: Partial<Endpoint> = {}): Sending => ({
  endpoint: { ...NEW_ENDPOINT, ...endpoint },
  policy: DEFAULT_RETRY_POLICY,
  retriesEnabled: true,
  begun: null,
  pause: null,
  now,
});

const htmlOf = (over: Partial<ServiceReplay>, view: Partial<ReplayView> = {}) => {
  const replay = aReplay(over);
  const rest = {
    callbackId: "FFEEDDCCBBAA0011",
    formToken: "t",
    failures: [],
    sending: sendingAt(replay.requestedAt),
  };
  return render(<OneReplay {...rest} replay={replay} {...view} />);
};
const textOf = (over: Partial<ServiceReplay>, view: Partial<ReplayView> = {}) =>
  htmlOf(over, view)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");

describe("a replay that runs", () => {
  it("can be stopped, until it was", () => {
    expect(textOf({})).toContain("Stop Reload");
    expect(textOf({ cancelled: 1, left: 99 })).toContain("Stop Reload");
    const stopped = { succeeded: 40, cancelled: 20, left: 40, cancelledAt: STOPPED_AT };
    expect(textOf(stopped)).not.toContain("Stop Reload");
    expect(textOf(stopped)).toContain("Reload Only what is being sent right now is finished.");
  });

  it("has to be reloaded without scripts only", () => {
    expect(htmlOf({}).replace(/<noscript>.*?<\/noscript>/s, "")).not.toContain("Reload");
  });

  it("says who asked for it, and which calls it has", () => {
    const selection = { filter: { status: "FAILED", statusCodes: [{ code: 503 }] } } as const;
    expect(textOf({ requestedBy: "ada", selection })).toMatch(/UTC by ada .* The failed calls that matched: Status code 503 /);
    expect(htmlOf({ requestedBy: "ada (says: \u202eeve)" })).toContain("by <bdi>ada (says: \u202eeve)</bdi>");
    expect(textOf({ selection: { filter: { status: "FAILED" } } })).toContain("All failed calls.");
    expect(textOf({ selection: { callIds: ["A", "B"] } })).toContain("2 calls selected one by one.");
  });

  it("waits for the next round while the endpoint is down, and never for one in the past", () => {
    const down = (roundAt: number) => ({ sending: sendingAt(STOPPED_AT - 1, { state: "down", roundAt }) });
    const waiting = "Waiting: the endpoint is down. Its calls are sent in retry rounds, 10 each 5 minutes;";
    expect(textOf({}, down(STOPPED_AT))).toContain(`${waiting} next at 2030-01-01 09:31:00 UTC .`);
    expect(textOf({}, down(STOPPED_AT - 1))).toContain(`${waiting} next due now.`);
    expect(textOf({})).not.toContain("Waiting");
    expect(textOf({ left: 0, succeeded: 100 }, down(STOPPED_AT))).not.toContain("Waiting");
  });
});

describe("a replay whose calls are being collected", () => {
  const selection = { filter: { status: "FAILED" } } as const;

  it("says how far it is, and can be stopped", () => {
    const collecting = { step: "add", counted: 1_000_000 } as const;
    const text = textOf({ total: 340_000, left: 340_000, confirmed: 1_000_000, selection, collecting });
    expect(text).toMatch(/collecting calls .*Collecting calls… 340\s000 of 1\s000\s000 .* Stop Reload/);
    const counting = { step: "count", counted: 8_192 } as const;
    expect(textOf({ total: 0, left: 0, confirmed: 1_000_000, selection, collecting: counting })).toMatch(
      /Counting the calls that match… 8\s192 .* Stop Reload/,
    );
  });

  it("says so if it was stopped meanwhile", () => {
    const stopped = { cancelledAt: STOPPED_AT, confirmed: 150, selection, collecting: { step: "add", counted: 150 } } as const;
    expect(textOf({ ...stopped, left: 0, cancelled: 100 })).toMatch(
      /stopped .* It was stopped while its calls were collected: 50 weren't yet\. .* Replay the rest…/,
    );
  });

  it("says that nothing was sent if more calls matched than were confirmed", () => {
    const more = { cancelledAt: STOPPED_AT, confirmed: 100, selection, collecting: { step: "more", counted: 101 } } as const;
    const text = textOf({ ...more, total: 0, left: 0 });
    expect(text).toMatch(/not begun .* Nothing was sent: 101 calls matched by then, and 100 were confirmed\./);
    expect(text).not.toContain("done");
  });
});

describe("a replay that has ended", () => {
  it("says why calls failed again, and leads to them", () => {
    const failures = [
      { statusCode: 503, reason: null, count: 9 },
      { statusCode: null, reason: "refused", count: 1 },
    ] as const;
    const ended = { succeeded: 88, failed: 12, left: 0 };
    expect(textOf(ended, { failures })).toContain("Failed again 503 9 connection refused 1 Of the others it isn't known why.");
    expect(htmlOf(ended, { failures })).toContain(
      'href="/console/callbacks/FFEEDDCCBBAA0011/calls?since=2030-01-01T09%3A30%3A00.000Z&amp;reason=refused"',
    );
  });

  it("says which calls it hasn't got", () => {
    expect(textOf({ succeeded: 100, left: 0, confirmed: 103, inEarlier: 2 })).toContain(
      "2 calls waited for an earlier replay already, and stayed with it. 1 call had changed in the meantime: left as it is.",
    );
  });
});

describe("a replay that was stopped", () => {
  const stopped = { succeeded: 79, failed: 1, cancelled: 20, left: 0, cancelledAt: STOPPED_AT };

  it("doesn't count what it left out as done, and says where that is", () => {
    expect(textOf(stopped)).toContain("80 of 100 calls done");
    expect(htmlOf(stopped)).toMatch(/<progress max="100" value="80"/);
    expect(textOf(stopped)).toContain("What Stop left out is among the failed calls .");
    expect(textOf({ ...stopped, cancelledAt: null })).not.toContain("What Stop left out");
  });

  it("leads to replaying the rest, if it is known which calls it had", () => {
    const selection = { filter: { status: "FAILED" } } as const;
    expect(htmlOf({ ...stopped, selection })).toContain(
      'href="/console/callbacks/FFEEDDCCBBAA0011/confirm?rest=00112233445566AA"',
    );
    expect(textOf(stopped)).not.toContain("Replay the rest");
    expect(textOf({ ...stopped, selection, cancelledAt: null })).not.toContain("Replay the rest");
  });
});
