/** Text of a service or user is sanitized wherever it is shown, not only in tables. */
import { expect, test } from "vitest";
import type { Column } from "../../../../src/cli/output/cells.js";
import { cellData, renderFields } from "../../../../src/cli/output/cells.js";
import { openScreen, PLAIN } from "../../../../src/cli/output/screen.js";
import { joinText } from "../../../../src/cli/output/screen-text.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { cpuGrowth, LINEAR } from "../../../support/time/cpu-growth.js";

const HOSTILE = "\u001b]0;owned\u0007\u202e";

test("the value of a field is escaped", () => {
  expect(String(renderFields([["Name", `a\n${HOSTILE}`]], PLAIN))).toBe("Name  a␊␛]0;owned␇<U+202E>\n");
});

test("a message on stderr is one escaped line, unless it was made of lines", async () => {
  const io = captureIo();
  const screen = await openScreen(io, { format: undefined, noColor: false, utc: false, now: 0 });
  screen.info(`one\ntwo ${HOSTILE}`);
  screen.info(joinText(["one", `two ${HOSTILE}`], "\n"));
  expect(io.err()).toBe("one␊two ␛]0;owned␇<U+202E>\none\ntwo ␛]0;owned␇<U+202E>\n");
});

const CONTENT: Column<string> = { key: "content", title: "CONTENT", value: (row) => row };

test.each([
  ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
  ["@SUM(1)", "'@SUM(1)"],
  ["+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"],
  ["-2+3", "'-2+3"],
  ["\uff1dHYPERLINK(1)", "'\uff1dHYPERLINK(1)"],
  ["\uff0b1+1", "'\uff0b1+1"],
  ["\uff0d2+3", "'\uff0d2+3"],
  ["\uff20SUM(1)", "'\uff20SUM(1)"],
  ["\n=1", "\n'=1"],
  ["\r\n=1", "\n'=1"],
  ["\t=1", "␉'=1"],
  ["\r=1", "␍'=1"],
  [" =1", " '=1"],
  ["ok;=1", "ok;'=1"],
  ["ok; @SUM(1);\uff1d2", "ok; '@SUM(1);'\uff1d2"],
  ["ok\n-2+3", "ok\n'-2+3"],
  [`a;"=1;b`, `a;"'=1;b`],
  [`a; "" =1`, `a; "" '=1`],
  [`"=1`, `"'=1`],
  [`a\n"-2+3"`, `a\n"'-2+3"`],
  [`a;'"=1`, `a;'"=1`],
  [`say "=1"; "-5";"+61 4"`, `say "=1"; "-5";"+61 4"`],
  ["a=b, -c @home;-5;+61 4", "a=b, -c @home;-5;+61 4"],
  ["+61491570156", "+61491570156"],
  ["-5", "-5"],
  [`two\nlines ${HOSTILE}`, "two\nlines ␛]0;owned␇<U+202E>"],
])("in csv, where a spreadsheet would run %j", (text, cell) => {
  expect(cellData(CONTENT, text)).toBe(cell);
});

test.each(["\n", " ;", "+1 "])("in csv, %j again and again takes linear time", (unit) => {
  expect(cpuGrowth((size) => cellData(CONTENT, `${unit.repeat(size)}x`))).toBeLessThan(LINEAR);
});

test("in csv, white space of any length takes linear time", () => {
  const column: Column<string> = { key: "content", title: "CONTENT", value: (row) => row };
  const spaces = "\n".repeat(500_000);
  expect(cellData(column, `${spaces}=1`)).toBe(`${spaces}'=1`);
  expect(cellData(column, `${spaces}1`)).toBe(`${spaces}1`);
});
