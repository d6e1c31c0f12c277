import { describe, expect, it } from "vitest";
import { readFilter, readIds, readPage, readSort } from "../../../../src/server/routes/query-parameters.js";

const invalid = (message: string) => expect.objectContaining({ code: "invalid", message });

describe("readPage", () => {
  it("has a limit of 20 and an offset of 0 by default, and no limit above the largest", () => {
    expect([readPage({}, 500), readPage({ limit: "501", offset: "7", cursor: "c" }, 500)]).toEqual([
      { limit: 20, offset: 0 },
      { limit: 500, offset: 7, cursor: "c" },
    ]);
  });

  it.each([
    [{ limit: "0" }, "limit must be 1 or more"],
    [{ limit: "-1" }, "limit must be a whole number"],
    [{ offset: "x" }, "offset must be a whole number"],
    [{ limit: ["1", "2"] }, "limit must be given once"],
    [{ cursor: "a\0" }, "cursor must have no control characters"],
  ])("rejects %j", (query, message) => {
    expect(() => readPage(query, 500)).toThrow(invalid(message));
  });
});

describe("readSort", () => {
  const fields = { attemptedDate: true, id: false } as const;

  it("uses each field's default direction unless sortOrder is given", () => {
    const both = { sortFields: "id, attemptedDate" };
    expect([
      readSort({}, fields, "attemptedDate"),
      readSort(both, fields, "id"),
      readSort({ ...both, sortOrder: "ASC" }, fields, "id"),
    ]).toEqual([
      [{ field: "attemptedDate", descending: true }],
      [
        { field: "id", descending: false },
        { field: "attemptedDate", descending: true },
      ],
      [
        { field: "id", descending: false },
        { field: "attemptedDate", descending: false },
      ],
    ]);
  });

  it("rejects an unknown field or order", () => {
    expect(() => readSort({ sortFields: "toString" }, fields, "id")).toThrow(invalid("sortFields may be attemptedDate, id"));
    expect(() => readSort({ sortOrder: "up" }, fields, "id")).toThrow(invalid("sortOrder must be asc or desc"));
  });
});

describe("readFilter", () => {
  it("reads every filter, in any letter case", () => {
    expect(
      readFilter({
        status: "failed",
        since: "2026-01-09T00:00:00Z",
        until: "09/01/26 13:22",
        statusCode: "500,5xx,none",
        channel: "sms",
        messageId: "M",
        from: "61400000000",
        q: "yes",
      }),
    ).toEqual({
      status: "FAILED",
      since: Date.UTC(2026, 0, 9),
      until: Date.UTC(2026, 0, 9, 13, 22),
      statusCodes: [{ code: 500 }, { class: 5 }, { none: true }],
      channel: "SMS",
      messageId: "M",
      from: "61400000000",
      text: "yes",
    });
  });

  it("takes a channel that is unknown here as it is", () => {
    expect(readFilter({ channel: "WhatsApp" })).toEqual({ channel: "WhatsApp" });
  });

  it("reads a zone whose + was not escaped", () => {
    expect(readFilter({ since: "2026-01-09T13:00:00 11:00" })).toEqual({ since: Date.UTC(2026, 0, 9, 2) });
    expect(readFilter({ since: "2026-01-09 13:00:00 1100" })).toEqual({ since: Date.UTC(2026, 0, 9, 2) });
    expect(readFilter({ since: "2026-01-09 13:00" })).toEqual({ since: Date.UTC(2026, 0, 9, 13) });
  });

  it.each([
    [{ status: "DONE" }, "status must be FAILED, SUCCESS or PENDING"],
    [{ q: "a".repeat(257) }, "q must have at most 256 characters"],
    [{ since: "yesterday" }, "since must be a date: ISO 8601 or dd/MM/yy HH:mm"],
    [{ statusCode: "600" }, "statusCode must be codes such as 500, classes such as 5xx, or none"],
  ])("rejects %j", (query, message) => {
    expect(() => readFilter(query)).toThrow(invalid(message));
  });
});

describe("readIds", () => {
  it("reads id and id[], repeated or separated by commas, each once", () => {
    expect(readIds({ id: ["A", "B"], "id[]": "C,A", "id[0]": "D", identity: "E" })).toEqual(["A", "B", "C", "D"]);
  });

  it("accepts 100 ids and no more", () => {
    const ids = Array.from({ length: 101 }, (_, index) => `N${index}`);
    expect(readIds({ id: ids.slice(1) })).toHaveLength(100);
    expect(() => readIds({ id: ids })).toThrow(invalid("id may be given at most 100 times, not 101"));
  });
});
