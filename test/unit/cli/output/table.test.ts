import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { callbackListing } from "../../../../src/cli/commands/callbacks/callback-text.js";
import { CALL_LISTING } from "../../../../src/cli/output/call-columns.js";
import type { RenderOptions } from "../../../../src/cli/output/screen.js";
import { loadPalette } from "../../../../src/cli/output/screen.js";
import { renderTable } from "../../../../src/cli/output/table.js";
import type { CallRow } from "../../../../src/wire/call-record.js";
import { aListedCall, aListedCallback } from "../../../support/cli/listed.js";

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
const NOW = Date.UTC(2026, 10, 24, 12);
const SHOWN = CALL_LISTING.columns.filter(({ onDemand }) => onDemand !== true);
const ROWS: readonly CallRow[] = [
  { callbackName: "demo", call: aListedCall({}) },
  {
    callbackName: "demo",
    call: aListedCall({
      id: "01A21005625A7352BE765AE6BFECE323",
      status: "SUCCESS",
      statusCode: 200,
      statusMessage: "OK",
      content: "日本語のとても長い返事です",
    }),
  },
  {
    callbackName: "demo",
    call: aListedCall({
      id: "01A21005625A7F7A819F59AD5971723E",
      statusCode: null,
      statusMessage: "refused: connect ECONNREFUSED 127.0.0.1:9000",
    }),
  },
];

async function optionsFor(width: number | null, color = false): Promise<RenderOptions> {
  return { palette: await loadPalette(color), width, utc: true, now: NOW, serviceFlags: [] };
}

describe("a table of calls", () => {
  test("at 120 columns shows every column, with long texts cut", async () => {
    expect(`\n${renderTable(ROWS, SHOWN, await optionsFor(120))}`).toMatchInlineSnapshot(`
      "
      LAST ATTEMPT          STATUS   CODE  REASON             FROM         CONTENT            CALL
      2026-11-24 11:59:30Z  FAILED    503  Service Unavaila…  61491570140  Yes, I can come    01A21005625A7A0880E72DC908BEA1E7
      2026-11-24 11:59:30Z  SUCCESS   200  OK                 61491570140  日本語のとても長…  01A21005625A7352BE765AE6BFECE323
      2026-11-24 11:59:30Z  FAILED         refused: connect…  61491570140  Yes, I can come    01A21005625A7F7A819F59AD5971723E
      "
    `);
  });

  test("at 60 columns drops the id before the reason", async () => {
    expect(`\n${renderTable(ROWS, SHOWN, await optionsFor(60))}`).toMatchInlineSnapshot(`
      "
      LAST ATTEMPT          STATUS   CODE  REASON        CONTENT
      2026-11-24 11:59:30Z  FAILED    503  Service Una…  Yes, I c…
      2026-11-24 11:59:30Z  SUCCESS   200  OK            日本語の…
      2026-11-24 11:59:30Z  FAILED         refused: co…  Yes, I c…
      "
    `);
  });

  test.each([60, 120])("at %i columns has the same text with and without colour", async (width) => {
    const colored = String(renderTable(ROWS, SHOWN, await optionsFor(width, true)));
    const plain = colored.replace(ANSI, "");
    expect(plain).toBe(String(renderTable(ROWS, SHOWN, await optionsFor(width))));
    expect(colored).toContain("\u001b[31mFAILED\u001b[39m");
    expect(colored).toContain("\u001b[32mSUCCESS\u001b[39m");
  });

  test.each([30, 47, 60, 79, 80, 100, 120, 200])("is never wider than %i columns, except for its ids", async (width) => {
    const lines = String(renderTable(ROWS, SHOWN, await optionsFor(width))).split("\n");
    const narrowest = "FAILED".length + 1 + 2 + 32;
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(width, narrowest));
  });

  test("has one line per row, whatever a service sends", async () => {
    const hostile = "\u001b[2J\r\nFAKE ROW\u202eevil\u009b0m".repeat(3);
    const rows = [
      {
        callbackName: hostile,
        call: aListedCall({
          content: hostile,
          statusMessage: hostile,
          from: { mobile: hostile, name: hostile },
          id: `${hostile}X`,
        }),
      },
      { callbackName: "x", call: aListedCall({ content: "x".repeat(1_000_000), statusMessage: "長".repeat(1_000_000) }) },
    ];
    const text = String(renderTable(rows, CALL_LISTING.columns, await optionsFor(120)));
    expect(text.split("\n")).toHaveLength(4);
    expect(text).not.toMatch(/[^\P{C}\n]/u);
  });
});

test("hundreds of rows are one table", async () => {
  const columns = [{ key: "number", title: "NUMBER", value: (row: number) => row, kind: "number" as const }];
  const numbers = Array.from({ length: 250 }, (_, index) => index);
  const lines = numbers.map((number) => `${String(number).padStart(6)}\n`);
  expect(String(renderTable(numbers, columns, await optionsFor(80)))).toBe(`NUMBER\n${lines.join("")}`);
});

test("a family emoji and East Asian text are two columns wide, as a terminal shows them", async () => {
  const columns = [
    { key: "content", title: "CONTENT", value: (row: string) => row, least: 4 },
    { key: "end", title: "END", value: () => "|" },
  ];
  const table = String(renderTable(["👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "日本", "abcd"], columns, await optionsFor(80)));
  expect(table).toBe("CONTENT  END\n👨‍👩‍👧‍👦👨‍👩‍👧‍👦     |\n日本     |\nabcd     |\n");
});

describe("a table of callbacks", () => {
  test("never shows a key", async () => {
    const rows = [aListedCallback({ auth: { type: "queryparam", key: "PLANTED-SECRET-KEY" } })];
    const text = String(renderTable(rows, callbackListing("none").columns, await optionsFor(null)));
    expect(text).toContain("queryparam");
    expect(text).not.toContain("PLANTED");
  });
});
