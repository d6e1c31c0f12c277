import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { elapsedText } from "../../../../src/server/console/components/data.js";
import { SearchResults, type SearchView, wantedCalls } from "../../../../src/server/console/pages/search.js";

describe("what a text may be", () => {
  it.each([
    ["+61 410 739 741", { number: "61410739741" }],
    ["0061 (410) 739-741", { number: "61410739741" }],
    ["0410739741", { idEnd: "0410739741", messageId: "0410739741", number: "410739741" }],
    ["739 741", {}],
    ["1234567", { idEnd: "1234567", messageId: "1234567" }],
    ["123456789012345678901", { idEnd: "123456789012345678901", messageId: "123456789012345678901" }],
    ["Ada.1@Example.com", { email: "Ada.1@Example.com" }],
    ["order-1", { idEnd: "order-1", messageId: "order-1" }],
    ["Replies CRM 100", {}],
    ["replies", {}],
    ["", {}],
  ])("%s", (text, wanted) => expect(wantedCalls(text)).toEqual(wanted));
});

describe("a search that isn't over", () => {
  const view: SearchView = {
    text: "0410 739 741",
    wanted: { number: "410739741" },
    callbacks: [],
    found: [],
    next: "/console/search?q=0410+739+741&before=7",
    isContinued: false,
    ...{ read: 400_000, total: 1_000_043, isAtIds: false },
  };
  const html = (over: Partial<SearchView> = {}) => render(<SearchResults {...view} {...over} />);
  const textOf = (page: string) => page.replace(/<[^>]+>/g, "").replaceAll("\u202f", " ");

  it("says how far it has come and leads on, and doesn't say that nothing was found", () => {
    expect(textOf(html())).toContain("Read 400 000 of 1 000 043 calls, newest first…");
    expect(textOf(html({ isAtIds: true }))).toContain("Read the ids of 400 000 of 1 000 043 calls…");
    expect(html()).toContain('href="/console/search?q=0410+739+741&amp;before=7"');
    expect(html()).not.toContain("was found");
  });

  it("says in the end that nothing was found, or nothing more", () => {
    expect(html({ next: null })).toContain("Nothing was found");
    expect(textOf(html({ next: null, read: 1_000_043 }))).toContain("All 1 000 043 calls have been read.");
    expect(html({ next: null, isContinued: true })).toContain("Nothing more was found");
  });
});

it("an elapsed time has one unit", () => {
  const MINUTE = 60_000;
  const texts = [-5, MINUTE - 1, MINUTE, 21.9 * MINUTE, 119 * MINUTE, 120 * MINUTE, 47.9 * 60 * MINUTE, 48 * 60 * MINUTE];
  expect(texts.map(elapsedText)).toEqual([
    ...["less than 1 min", "less than 1 min", "1 min", "21 min", "119 min", "2 h", "47 h", "2 days"],
  ]);
});
