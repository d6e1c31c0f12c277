import { describe, expect, it } from "vitest";
import { addReading } from "../../../../../src/cli/commands/watch/watch-state.js";
import {
  countsLine,
  eventLine,
  freshnessLine,
  shortEventLine,
  type WatchEvent,
  watchFrame,
} from "../../../../../src/cli/commands/watch/watch-text.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import { aListedCall, aListedCallback, aListedOutage } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS = { palette: PLAIN, width: 80, utc: true, now: NOW, serviceFlags: [] };
const callback = aListedCallback();
const FRESH = { service: "http://127.0.0.1:8787", answeredAt: NOW, lost: null };

function watched(name = "demo") {
  const reading = { callback: aListedCallback({ name }), pending: 3, succeeded: 40, failures: [], moreFailures: 0 };
  const outage = aListedOutage();
  const { watched: before } = addReading(null, { ...reading, failed: 1_000, readAtMs: 0, outage });
  return addReading(before, { ...reading, failed: 900, readAtMs: 10_000, outage }).watched;
}

const failure = (id: string): WatchEvent => ({
  happenedAt: NOW,
  callback,
  change: { kind: "failure", call: aListedCall({ id }) },
});

describe("the screen of watch", () => {
  it("shows what is failing, the rates, how long the backlog takes, and what happened, newest first", () => {
    const { header, body, footer } = watchFrame(
      { callbacks: [watched()], events: ["B", "A"].map((id) => shortEventLine(failure(id), OPTIONS)), freshness: FRESH },
      20,
      OPTIONS,
    );
    expect(`\n${[...header, ...body, ...footer].join("\n")}`).toMatchInlineSnapshot(`
      "
      whcb watch  http://127.0.0.1:8787
      as of 2026-11-24 12:00:00Z
      demo  failing since 2026-11-24 10:00:00Z (2h ago)
        900 failed  3 waiting  40 delivered or marked (counted in turn)
        in 0.0/s  out 0.0/s delivered or marked, 0.0/s failed  (last 10s)
        no backlog in 1m 30s at this rate

      12:00:00Z  demo: failed 503 Service Unavailable, from 61491570140, call B
      12:00:00Z  demo: failed 503 Service Unavailable, from 61491570140, call A
      \`whcb triage demo\` goes through failed calls
      q quits"
    `);
  });

  it("says of an endpoint that is down without an open outage that it is being checked", () => {
    const down = aListedCallback({ downSince: NOW });
    const reading = {
      callback: down,
      pending: 0,
      succeeded: 40,
      failed: 0,
      failures: [],
      moreFailures: 0,
      readAtMs: 0,
      outage: null,
    };
    const { body } = watchFrame({ callbacks: [addReading(null, reading).watched], events: [], freshness: FRESH }, 20, OPTIONS);
    expect(String(body[0])).toBe("demo  checking the endpoint failing since 2026-11-24 12:00:00Z (now)");
  });

  it("keeps half of the rows for what happens, and says how many callbacks it leaves out", () => {
    const callbacks = Array.from({ length: 30 }, (_, index) => watched(`callback ${index}`));
    const events = Array.from({ length: 30 }, (_, index) => shortEventLine(failure(`CALL${index}`), OPTIONS));
    const { body } = watchFrame({ callbacks, events, freshness: FRESH }, 20, OPTIONS);
    expect(body).toHaveLength(16);
    expect(String(body.at(4))).toBe("and 29 callbacks more: `whcb watch <callback>` watches one");
    expect(String(body.at(-1))).toContain("failed 503 Service Unavailable");
  });
});

describe("what a pipe gets", () => {
  it("is a line for each change", () => {
    const outage = aListedOutage();
    const changes: readonly WatchEvent["change"][] = [
      { kind: "outage-opened", outage },
      { kind: "failure", call: aListedCall({ statusCode: null, statusMessage: "refused: connection refused" }) },
      { kind: "more-failures", calls: 7 },
      { kind: "outage-recovering", outage },
      { kind: "outage-closed", outage },
    ];
    const lines = [
      ...changes.map((change) => eventLine({ happenedAt: NOW, callback, change }, OPTIONS)),
      countsLine(watched(), OPTIONS),
    ];
    expect(`\n${lines.join("\n")}`).toMatchInlineSnapshot(`
      "
      2026-11-24 12:00:00Z  demo: outage since 2026-11-24 10:00:00Z; its e-mail was sent at 2026-11-24 10:00:05Z
      2026-11-24 12:00:00Z  demo: failed no answer refused: connection refused, from 61491570140, call 01A21005625A7A0880E72DC908BEA1E7
      2026-11-24 12:00:00Z  demo: and 7 more failures in the same moment
      2026-11-24 12:00:00Z  demo: calls are accepted again: the outage is ending
      2026-11-24 12:00:00Z  demo: the outage of 2026-11-24 10:00:00Z is over
      2026-11-24 12:00:00Z  demo: 900 failed, 3 waiting, 40 delivered or marked (counted in turn), no backlog in 1m 30s at this rate"
    `);
  });

  it("can't be forged by a service", () => {
    const call = aListedCall({ statusMessage: "\u001b[2J\nall is well" });
    expect(String(eventLine({ happenedAt: NOW, callback, change: { kind: "failure", call } }, OPTIONS))).toContain(
      "␛[2J␊all is well",
    );
  });
});

describe("how fresh it is", () => {
  it("is said, with the reason if it is known", () => {
    const lost = { ...FRESH, answeredAt: NOW - 12_000 };
    expect([
      String(freshnessLine(FRESH, OPTIONS)),
      String(freshnessLine({ ...lost, lost: { reason: null } }, OPTIONS)),
      String(freshnessLine({ ...lost, lost: { reason: "connection refused" } }, OPTIONS)),
    ]).toEqual([
      "as of 2026-11-24 12:00:00Z",
      "no answer from http://127.0.0.1:8787; what is shown is from 2026-11-24 11:59:48Z (12s ago)",
      "it can't be read: connection refused; what is shown is from 2026-11-24 11:59:48Z (12s ago)",
    ]);
  });
});
