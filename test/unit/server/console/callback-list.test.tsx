import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { CallbackList, type CallbackListView, type CallbackRow } from "../../../../src/server/console/pages/callback-list.js";

const NOW = Date.UTC(2030, 0, 1, 9, 30);

const NONE = { down: 0, failing: 0, "not-answering": 0, paused: 0, checking: 0, recovering: 0, up: 0, idle: 0 };

const aRow = (over: Partial<CallbackRow> = {}): CallbackRow => ({
  id: "00112233445566AA",
  name: "demo",
  url: "http://127.0.0.1:9000/hook",
  retriesEnabled: false,
  failed: 0,
  waiting: 0,
  health: "up",
  since: null,
  pause: null,
  lastOutage: null,
  ...over,
});

const aView = (over: Partial<CallbackListView> = {}): CallbackListView => ({
  rows: [aRow()],
  offset: 0,
  total: 1,
  counts: { ...NONE, up: 1 },
  sort: { field: "severity", descending: false },
  text: "",
  state: null,
  nextCursor: null,
  now: NOW,
  ...over,
});

const html = (over: Partial<CallbackListView> = {}) => render(<CallbackList {...aView(over)} />);
const text = (over: Partial<CallbackListView> = {}) =>
  html(over)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
const links = (over: Partial<CallbackListView> = {}) =>
  [...html(over).matchAll(/href="([^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&"));

describe("the list of callbacks", () => {
  it("says what to do while there are none", () => {
    expect(text({ rows: [], total: 0 })).toMatch(/No callbacks yet .*register it/);
    expect(links({ rows: [], total: 0 })).toEqual(["/console/callbacks/new"]);
    expect(text({ rows: [], total: 0, text: "crm" })).toContain("None has “crm” in its name or host");
    expect(text({ rows: [], total: 3, offset: 50 })).toContain("No more callbacks");
    expect(text({ rows: [], total: 0, state: "down" })).toContain("No endpoint is in the state “down” Show all");
  });

  it("leads from a callback to its settings, calls and outages, and from its numbers to these calls", () => {
    const page = `/console/callbacks/00112233445566AA`;
    expect(links({ rows: [aRow({ failed: 2, waiting: 1 })] })).toEqual(
      expect.arrayContaining([
        ...["calls", "edit", "outages"].map((name) => `${page}/${name}`),
        `${page}/calls?status=FAILED`,
        `${page}/calls?status=PENDING`,
      ]),
    );
    expect(links().filter((link) => link.includes("status="))).toEqual([]);
  });

  it("sorts by a heading, the other way round if it is sorted by that one, and keeps the text", () => {
    const sorts = (over: Partial<CallbackListView>) => links(over).filter((link) => /^\/console(\?|$)/.test(link));
    expect(sorts({ counts: NONE })).toEqual([
      "/console?sortFields=name",
      "/console?sortOrder=desc",
      "/console?sortFields=failed",
      "/console?sortFields=waiting",
    ]);
    const byFailed = { sort: { field: "failed", descending: true }, text: "a&b", counts: NONE } as const;
    expect(sorts(byFailed)).toEqual([
      "/console",
      "/console?q=a%26b&sortFields=name",
      "/console?q=a%26b",
      "/console?q=a%26b&sortFields=failed&sortOrder=asc",
      "/console?q=a%26b&sortFields=waiting",
    ]);
    expect(html(byFailed)).toMatch(/<th[^>]*aria-sort="descending"[^>]*><a[^>]*>Failed/);
  });

  it("leads to an outage that ended lately", () => {
    const rows = [aRow({ lastOutage: { id: "A/B", endedAt: NOW } })];
    expect(text({ rows, now: NOW + 21 * 60_000 })).toContain("outage ended 21 min ago");
    expect(html({ rows })).toContain('title="2030-01-01 09:30:00 UTC"');
    expect(links({ rows })).toContain("/console/callbacks/00112233445566AA/outages/A%2FB");
  });

  it("counts the endpoints in each state, most severe first, and leads to them", () => {
    const counts = { ...NONE, up: 9_996, recovering: 1, failing: 2, down: 1 };
    expect(text({ counts, total: 10_000 })).toContain("1 down 2 failing 1 recovering 9 996 up");
    expect(links({ counts }).filter((link) => link.includes("state="))).toEqual([
      "/console?state=down",
      "/console?state=failing",
      "/console?state=recovering",
      "/console?state=up",
    ]);
    const filtered = { counts, state: "failing", sort: { field: "name", descending: false }, text: "a" } as const;
    expect(links(filtered)).toEqual(expect.arrayContaining(["/console?q=a&sortFields=name"]));
    expect(html(filtered)).toMatch(/<a[^>]* href="\/console\?q=a&amp;state=failing&amp;sortFields=name" aria-current="page"/);
    expect(text(filtered)).toContain("10 000 in all");
  });

  it("says for how long an endpoint has been in its state, with the instant as title", () => {
    const since = NOW - 21 * 60_000;
    expect(text({ rows: [aRow({ health: "down", since })] })).toContain("down for 21 min");
    expect(text({ rows: [aRow({ health: "checking", since })] })).toContain("checking the endpoint down for 21 min");
    expect(html({ rows: [aRow({ health: "down", since })] })).toContain('title="2030-01-01 09:09:00 UTC"');
  });

  it("has a switch for retries in each row, which comes back to the same list", () => {
    const state = "up" as const;
    expect(links({ state }).filter((link) => link.includes("/retries"))).toEqual([
      "/console/callbacks/00112233445566AA/retries?switch=on&to=%2Fconsole%3Fstate%3Dup",
    ]);
    expect(html({ rows: [aRow({ retriesEnabled: true })] })).toContain("Retries of demo are on: switch them off");
  });

  it("pages by cursor, and back", () => {
    const paged = (over: Partial<CallbackListView>) => links(over).filter((link) => /cursor|offset/.test(link));
    expect(paged({ nextCursor: "abc" })).toEqual(["/console?cursor=abc"]);
    expect(paged({ offset: 100, total: 101, text: "a" })).toEqual(["/console?q=a&offset=50"]);
    expect(links({ offset: 50, total: 51 }).at(-1)).toBe("/console");
    expect(text({ offset: 100, total: 12_345 })).toContain("101 – 101 of 12 345");
  });
});
