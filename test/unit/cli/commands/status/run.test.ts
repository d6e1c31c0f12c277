import { describe, expect, test } from "vitest";
import type { CallbackState } from "../../../../../src/cli/commands/status/callback-state.js";
import { renderStatus, sparkline, statusJson } from "../../../../../src/cli/commands/status/run.js";
import type { RenderOptions } from "../../../../../src/cli/output/screen.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import type { ListedCallback } from "../../../../../src/client/client.js";
import { HEALTH_NAMES, HEALTHS } from "../../../../../src/domain/callback.js";
import { aListedCallback, aListedOutage } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW, serviceFlags: [] };
const MINUTE = 60_000;

const FAILING: CallbackState = {
  callback: aListedCallback(),
  failed: 25_000,
  uncounted: null,
  isCut: true,
  isAtLeast: false,
  looked: 20_000,
  statusCodes: [
    { statusCode: 503, calls: 19_990 },
    { statusCode: null, calls: 10 },
  ],
  unsent: 7,
  openEnds: 0,
  byHour: [...Array.from({ length: 20 }, () => 0), 1, 8, 64, 19_927],
  oldestAttemptAt: NOW - 300 * MINUTE,
  newestAttemptAt: NOW,
  retried: { calls: 20_000, nextAt: NOW + 2 * MINUTE, until: NOW + 1_380 * MINUTE },
  outages: [aListedOutage()],
};

const QUIET: CallbackState = {
  ...FAILING,
  failed: 0,
  isCut: false,
  looked: 0,
  statusCodes: [],
  outages: [],
  retried: { calls: 0, nextAt: null, until: null },
};

describe("status", () => {
  test("in JSON says since when an outage is recovering", () => {
    const since = NOW - 3 * MINUTE;
    const outages = [aListedOutage({ recoveringSince: since }), aListedOutage()];
    expect(statusJson({ ...FAILING, outages })).toMatchObject({
      outages: [{ recoveringSince: "2026-11-24T11:57:00.000Z" }, { recoveringSince: null }],
    });
  });

  test("shows an outage, its status codes, what is still retried and what to type next", () => {
    expect(`\n${renderStatus([FAILING], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  failing  http://127.0.0.1:9000/hook
        outage since 2026-11-24 10:00:00Z (2h ago); 12 calls failed in it
        its e-mail was sent at 2026-11-24 10:00:05Z
        24993 failed calls and 7 without an outcome yet (503: 19990, no answer: 3; of the newest 20000)
        by hour, last 24: ····················▁▁▁█  now
        20000 still retried, next in 2m, the last until 2026-11-25 11:00:00Z
        next: whcb calls list demo --failed
              whcb replay demo --failed
              whcb triage demo
      "
    `);
  });

  test("says that the endpoint may have what got no complete answer, and names reconcile", () => {
    expect(String(renderStatus([{ ...FAILING, openEnds: 3 }], OPTIONS))).toContain(
      "no answer: 3; of the newest 20000)\n  the endpoint may have 3 of them, as it gave no complete answer, or answered 200: `whcb reconcile demo --seen FILE` marks what your system has and sends the rest\n",
    );
  });

  test("says of a time that has passed that it is now, and names triage only on a terminal", () => {
    const retried = { calls: 25_000, nextAt: NOW - 2 * MINUTE, until: null };
    const shown = (width: number | null) => String(renderStatus([{ ...FAILING, retried }], { ...OPTIONS, width }));
    expect(shown(80)).toMatch(/ {2}all still retried, next now\n[\s\S]*\n {8}whcb triage demo\n$/);
    expect(shown(null)).toMatch(/\n {8}whcb replay demo --failed\n$/);
  });

  test("counts those that aren't retried any more, unless retries are off", () => {
    const NONE = { calls: 0, nextAt: null, until: null };
    const shown = (over: Partial<CallbackState["callback"]>, retried = FAILING.retried) =>
      /now\n(.*?) {2}next:/s.exec(String(renderStatus([{ ...FAILING, retried, callback: aListedCallback(over) }], OPTIONS)))?.[1];
    expect(shown({ expiredCalls: 12 })).toBe(
      "  20000 still retried, next in 2m, the last until 2026-11-25 11:00:00Z\n  12 not retried any more: their retry window is over\n",
    );
    expect(shown({ expiredCalls: 12 }, NONE)).toBe(
      "  none of them is retried any longer\n  12 not retried any more: their retry window is over\n",
    );
    expect(shown({ expiredCalls: 25_000 }, NONE)).toBe("  25000 not retried any more: their retry window is over\n");
    expect(shown({ expiredCalls: 12, retriesEnabled: false }, NONE)).toBe(
      "  retries are off: the service won't send them again by itself\n",
    );
    // A replay was requested.
    expect(shown({ retriesEnabled: false }, { calls: 5, nextAt: NOW, until: null })).toBe(
      "  retries are off: the service sends 5 that it was asked to replay, and no others\n",
    );
    expect(statusJson({ ...FAILING, callback: aListedCallback({ expiredCalls: 12 }) })).toMatchObject({ expired: 12 });
  });

  test("shows two lines for a callback without failed calls", () => {
    const up = { ...QUIET, callback: aListedCallback({ health: { health: "up", since: null } }) };
    expect(`\n${renderStatus([up], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  up  http://127.0.0.1:9000/hook
        no failed calls
      "
    `);
  });

  test("never shows an endpoint as up that is down", () => {
    const downSince = NOW - 3 * MINUTE;
    const checked = { ...QUIET, callback: aListedCallback({ downSince }) };
    expect(`\n${renderStatus([checked], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  checking the endpoint  http://127.0.0.1:9000/hook
        none of its own attempts was accepted since 2026-11-24 11:57:00Z; the next response that is sent tests it
        no failed calls
      "
    `);
    expect(statusJson(checked)).toMatchObject({ downSince: "2026-11-24T11:57:00.000Z" });
    const outage = String(renderStatus([{ ...checked, outages: [aListedOutage()] }], OPTIONS));
    expect(outage).toMatch(/^demo {2}down /);
    expect(outage).not.toContain("down since");
  });

  test.each(HEALTH_NAMES)("says that an endpoint is %s, and since when in JSON, whatever its outages are", (health) => {
    const state = { ...QUIET, callback: aListedCallback({ health: { health, since: NOW } }), outages: [aListedOutage()] };
    expect(String(renderStatus([state], OPTIONS))).toMatch(new RegExp(`^demo  ${HEALTHS[health].text}  http`));
    expect(statusJson(state)).toMatchObject({ state: health, stateSince: "2026-11-24T12:00:00.000Z" });
  });

  test("doesn't guess the state of an endpoint if the service doesn't say it", () => {
    const state = { ...QUIET, outages: null };
    expect(String(renderStatus([state], OPTIONS))).toMatch(/^demo {2}no failed calls {2}http/);
    expect(statusJson(state)).toMatchObject({ state: null, stateSince: null });
  });

  test("says nothing about retries that only whcb serve can know", () => {
    const elsewhere = { ...FAILING, failed: 20_000, isAtLeast: true, retried: null, outages: null };
    expect(String(renderStatus([elsewhere], OPTIONS))).toContain(
      "  at least 19993 failed calls and 7 without an outcome yet (503: 19990, no answer: 3; of the newest 20000)\n",
    );
    expect(String(renderStatus([elsewhere], OPTIONS))).toContain("  retries are on\n");
    const unknown = { ...elsewhere, callback: aListedCallback({ retriesEnabled: null }) };
    expect(String(renderStatus([unknown], OPTIONS))).toContain("  retries: unknown, the service didn't return the setting\n");
  });

  test("says that no failed calls are left while the outage is still open", () => {
    const replayed = { ...FAILING, failed: 0, isCut: false, looked: 0, statusCodes: [] };
    expect(`\n${renderStatus([replayed], OPTIONS)}`).toMatchInlineSnapshot(`
      "
      demo  failing  http://127.0.0.1:9000/hook
        outage since 2026-11-24 10:00:00Z (2h ago); 12 calls failed in it
        its e-mail was sent at 2026-11-24 10:00:05Z
        no failed calls are left
      "
    `);
  });

  test("says how many calls wait for their first attempt in a pause, and else those that have waited longer than an endpoint may take", () => {
    const waiting = (waitedMs: number, changes: Partial<ListedCallback> = {}) => {
      const callback = aListedCallback({ waitingCalls: 300, waitingSince: NOW - waitedMs, ...changes });
      return String(renderStatus([{ ...QUIET, callback }], OPTIONS))
        .split("\n")
        .slice(1, -2);
    };
    const shown = "  300 calls wait for their first attempt to end, the oldest since 2026-11-24 11:59:59Z";
    expect(waiting(1_000)).toEqual([]);
    expect(waiting(1_000, { pause: { by: "ada", until: null } })).toEqual([
      "  paused by ada until it is resumed: what is accepted waits, and nothing is sent",
      shown,
    ]);
    expect(waiting(MINUTE, { sending: "waits: the egress proxy can't be used" })).toEqual([
      "  sending waits: the egress proxy can't be used",
      shown.replace("11:59:59", "11:59:00"),
    ]);
  });

  test("doesn't promise a retry after a pause, as a window may end in it", () => {
    const callback = aListedCallback({ pause: { by: null, until: null } });
    const lines = String(renderStatus([{ ...FAILING, callback }], OPTIONS)).split("\n");
    expect(lines).toContain("  20000 waiting for the end of the pause, the last retry window until 2026-11-25 11:00:00Z");
  });

  test("says no time of the next retry while nothing can be sent", () => {
    const callback = aListedCallback({ sending: "waits: no process that sends calls is known to run" });
    const lines = String(renderStatus([{ ...FAILING, callback }], OPTIONS)).split("\n");
    expect(lines.filter((line) => /retr|sending/.test(line))).toEqual([
      "  sending waits: no process that sends calls is known to run",
      "  20000 to be retried once calls are sent, the last until 2026-11-25 11:00:00Z",
    ]);
  });

  test("calls an outage in which calls are accepted again recovering, as the console does", () => {
    const state = { ...FAILING, outages: [aListedOutage({ recoveringSince: NOW - MINUTE })] };
    const [first, ...lines] = String(renderStatus([state], OPTIONS)).split("\n");
    expect(first).toBe("demo  recovering  http://127.0.0.1:9000/hook");
    expect(lines).toContain(
      "  recovering since 2026-11-24 11:59:00Z: a call was accepted; the outage ends when none has failed for a while",
    );
  });

  test("shows an hour without failures differently from one with a single failure", () => {
    expect(sparkline([0, 1, 1_000])).toBe("·▁█");
    expect(sparkline([0, 0])).toBe("··");
  });

  test("names a callback by its id in commands if a shell would interpret its name", () => {
    const state = { ...FAILING, callback: aListedCallback({ name: "it's $(rm) \u001b[2J" }) };
    expect(String(renderStatus([state], OPTIONS))).toContain("whcb replay 9837E6D82347EB5D --failed");
  });
});
