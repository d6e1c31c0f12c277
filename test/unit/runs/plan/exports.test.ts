/** The files are as the programs that they are named for write them: all have the first four of six failed calls. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { comparableCall } from "../../../../src/runs/plan/comparable-call.js";
import { decodeList } from "../../../../src/runs/plan/decode-list.js";
import { matchSeen } from "../../../../src/runs/plan/match-seen.js";
import { phoneParser } from "../../../../src/runs/plan/plan-reconcile.js";
import { type ListOptions, readSeenList } from "../../../../src/runs/plan/seen-list.js";
import { readCall } from "../../../../src/wire/json/call-json.js";
import { listOf, objectOf } from "../../../../src/wire/json/json-value.js";

const EXPORTS = join(import.meta.dirname, "../../../fixtures/exports");

/** With the month first, the fourth call would be of the day of the fifth. */
const calls = listOf(JSON.parse(readFileSync(join(EXPORTS, "calls.json"), "utf8"))).map((call) =>
  readCall({ ...objectOf(call), status: "FAILED" }, { callbackId: "X" }),
);

async function balanceWith(file: string, options: ListOptions = {}) {
  const { text, encoding } = decodeList(readFileSync(join(EXPORTS, file)));
  const list = readSeenList(text, "UTC", options);
  const { parse: parsePhone } = await phoneParser("AU");
  const compared = calls.map((call) => comparableCall(call, { parsePhone, timezone: "UTC", format: list.format }));
  const { seen, ambiguous } = await matchSeen(list.lines, compared, { parsePhone, clock: systemClock });
  return { as: `${list.format} in ${encoding}`, seen: seen.map(({ id }) => id), ambiguous: ambiguous.map(({ id }) => id) };
}

test.each([
  ["excel-de.csv", "csv in Windows-1252"],
  ["excel-de-utf8.csv", "csv in UTF-8"],
  ["excel-en-us.csv", "csv in Windows-1252"],
  ["excel-en-au.csv", "csv in Windows-1252"],
  ["excel-en-au-unicode-text.txt", "tsv in UTF-16"],
  ["powershell-7-export-csv.csv", "csv in UTF-8"],
  ["powershell-5-out-file.ndjson", "ndjson in UTF-16"],
  ["mysql.tsv", "tsv in UTF-8"],
  ["psql.csv", "csv in UTF-8"],
  ["psql-copy.tsv", "tsv in UTF-8"],
  ["sqlite3.csv", "csv in UTF-8"],
  ["google-sheets.csv", "csv in UTF-8"],
  ["jq.ndjson", "ndjson in UTF-8"],
])("%s: 6 failed = 4 seen + 2 to send", async (file, as) => {
  expect(await balanceWith(file)).toEqual({ as, seen: ["c1", "c2", "c3", "c4"], ambiguous: [] });
});

test("salesforce-data-loader.csv with the names of its fields: 6 failed = 4 seen + 2 to send", async () => {
  const fieldNames = new Map(
    Object.entries({ msgref: "messageid", msisdn: "mobile", replytext: "content", repliedon: "acknowledged" }),
  );
  const balance = await balanceWith("salesforce-data-loader.csv", { fieldNames });
  expect(balance).toEqual({ as: "csv in UTF-8", seen: ["c1", "c2", "c3", "c4"], ambiguous: [] });
});

test("Export-Csv of PowerShell 5 writes ? for what isn't ASCII, so that this call is ambiguous: 6 failed = 3 seen + 1 ambiguous + 2 to send", async () => {
  expect(await balanceWith("powershell-5-export-csv.csv")).toEqual({
    as: "csv in UTF-8",
    seen: ["c2", "c3", "c4"],
    ambiguous: ["c1"],
  });
});

test("Excel shortens a long number unless the column is text", async () => {
  await expect(balanceWith("excel-en-us-shortened.csv")).rejects.toMatchObject({
    message: "line 2 can't be read: its mobile is 6.14916E+10: the spreadsheet has shortened a number",
    hint: "format the column as text, and export it again; nothing was done",
  });
});
