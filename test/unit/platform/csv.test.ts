import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { csvLine } from "../../../src/platform/unsafe-characters.js";

/** A call's text may be so long. */
const LONGEST = 9_900_000;

it("quotes a cell, doubles its quotes, and lets no spreadsheet run it", () => {
  expect(csvLine(["a", 1, 'b "c"', "d,e", "f\ng", "=h"])).toBe(`a,1,"b ""c""","d,e","f\ng",'=h\n`);
});

it.each(["=\n", "=\r", "-1\r\n+a\n", ";=", '"=\t', "a\u0007"])("makes a long text of %j as safe as short ones", (unit) => {
  const lineOf = (count: number): string => csvLine([`\n${unit.repeat(count)}`]);
  const safe = lineOf(1).slice('"\n'.length, -'"\n'.length);
  const count = Math.ceil(200_001 / unit.length);
  expect(lineOf(count) === `"\n${safe.repeat(count)}"\n`).toBe(true);
});

it.each(["=\n", ";=", '"', "\n", "\u007f"])("needs little memory for a line with the longest text of %j", async (unit) => {
  const entryPoints = ["src/platform/unsafe-characters.ts"];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife", globalName: "own" });
  const text = `${JSON.stringify(unit)}.repeat(${LONGEST / unit.length})`;
  const code = `${outputFiles[0]?.text} process.exit(own.csvLine([${text}]).length > ${LONGEST} ? 7 : 8);`;
  const worker = new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 128 } });
  expect(await once(worker, "exit")).toEqual([7]);
});
