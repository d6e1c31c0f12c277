import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { CallbackList, type CallbackListView, type CallbackRow } from "../../../../src/server/console/pages/callback-list.js";

const NOW = Date.UTC(2030, 0, 1, 9, 30);

const aRow = (over: Partial<CallbackRow> = {}): CallbackRow => ({
  id: "00112233445566AA",
  name: "demo",
  url: "http://127.0.0.1:9000/hook",
  retriesEnabled: false,
  failed: 0,
  waiting: 0,
  health: "up",
  since: null,
  lastOutage: null,
  ...over,
});

const aView = (over: Partial<CallbackListView> = {}): CallbackListView => ({
  rows: [aRow()],
  offset: 0,
  total: 1,
  sort: { field: "name", descending: false },
  text: "",
  nextCursor: null,
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
    expect(sorts({})).toEqual(["/console?sortOrder=desc", "/console?sortFields=failed", "/console?sortFields=waiting"]);
    const byFailed = { sort: { field: "failed", descending: true }, text: "a&b" } as const;
    expect(sorts(byFailed)).toEqual([
      "/console",
      "/console?q=a%26b",
      "/console?q=a%26b&sortFields=failed&sortOrder=asc",
      "/console?q=a%26b&sortFields=waiting",
    ]);
    expect(html(byFailed)).toMatch(/<th[^>]*aria-sort="descending"[^>]*><a[^>]*>Failed/);
  });

  it("leads to an outage that ended lately", () => {
    const rows = [aRow({ lastOutage: { id: "A/B", endedAt: NOW } })];
    expect(text({ rows })).toContain("outage ended 2030-01-01 09:30:00 UTC");
    expect(links({ rows })).toContain("/console/callbacks/00112233445566AA/outages/A%2FB");
  });

  it("pages by cursor, and back", () => {
    const paged = (over: Partial<CallbackListView>) => links(over).filter((link) => /cursor|offset/.test(link));
    expect(paged({ nextCursor: "abc" })).toEqual(["/console?cursor=abc"]);
    expect(paged({ offset: 100, total: 101, text: "a" })).toEqual(["/console?q=a&offset=50"]);
    expect(links({ offset: 50, total: 51 }).at(-1)).toBe("/console");
    expect(text({ offset: 100, total: 12_345 })).toContain("101 – 101 of 12 345");
  });
});
