import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { csvLine, csvPieces } from "../../../src/platform/unsafe-characters.js";
import { cpuGrowth, LINEAR } from "../../support/time/cpu-growth.js";

/** Without pieces, this takes some hundred MB. */
const LONG = 3_000_000;
const HEAP_MB = 48;

it("quotes a cell, doubles its quotes, and lets no spreadsheet run it", () => {
  expect(csvLine(["a", 1, 'b "c"', "d,e", "f\ng", "=h"])).toBe(`a,1,"b ""c""","d,e","f\ng",'=h\n`);
});

it.each([
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
  [`two\nlines \u001b]0;owned\u0007\u202e`, "two\nlines ␛]0;owned␇<U+202E>"],
])("is safe where a spreadsheet would run %j", (text, cell) => {
  expect(csvLine([text])).toBe(`${/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell}\n`);
});

it.each(["\n", " ;", "+1 "])("takes linear time for %j again and again", (unit) => {
  expect(cpuGrowth((size) => csvLine([`${unit.repeat(size)}x`]))).toBeLessThan(LINEAR);
});

it("takes white space of any length", () => {
  const spaces = "\n".repeat(500_000);
  expect(csvLine([`${spaces}=1`]) === `"${spaces}'=1"\n`).toBe(true);
  expect(csvLine([`${spaces}1`]) === `"${spaces}1"\n`).toBe(true);
});

it.each(["=\n", "=\r", "-1\r\n+a\n", ";=", '"=\t', "a\u0007"])("makes a long text of %j as safe as short ones", (unit) => {
  const lineOf = (count: number): string => csvLine([`\n${unit.repeat(count)}`]);
  const safe = lineOf(1).slice('"\n'.length, -'"\n'.length);
  const count = Math.ceil(200_001 / unit.length);
  expect(lineOf(count) === `"\n${safe.repeat(count)}"\n`).toBe(true);
});

describe("a line with a long text", () => {
  const bundled = build({
    entryPoints: ["src/platform/unsafe-characters.ts"],
    ...({ bundle: true, write: false, format: "iife", globalName: "own" } as const),
  });

  it.each(["=\n", ";=", '"', "\n", "\u007f"])("of %j needs little memory", async (unit) => {
    const { outputFiles } = await bundled;
    const text = `${JSON.stringify(unit)}.repeat(${LONG / unit.length})`;
    const code = `${outputFiles[0]?.text} process.exit(own.csvLine([${text}]).length > ${LONG} ? 7 : 8);`;
    const worker = new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    expect(await once(worker, "exit")).toEqual([7]);
  });
});

it.each(["\u00ad", "=\n", '"', "\r\n"])("is written in short pieces, however long its text of %j is", (unit) => {
  const cells = [`=${unit.repeat(2_000_000 / unit.length)}`, "x"];
  const pieces = [...csvPieces(cells)];
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(1024 * 1024);
  expect(pieces.join("") === csvLine(cells)).toBe(true);
});
