import { describe, expect, it } from "vitest";
import { type Line, LONGEST_LINE, readLines } from "../../../../src/server/ingest/ndjson.js";

async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(
    (async function* () {
      yield* chunks;
    })(),
  )) {
    lines.push(line);
  }
  return lines;
}

describe("readLines", () => {
  it("numbers lines from 1, whatever their ends and however they are cut into chunks", async () => {
    const text = Buffer.from("one\r\ntwo ü\n\nfour");
    const expected = [
      { number: 1, text: "one" },
      { number: 2, text: "two ü" },
      { number: 3, text: "" },
      { number: 4, text: "four" },
    ];
    expect(await linesOf(text)).toEqual(expected);
    expect(await linesOf(...[...text].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it("reads a line that comes in crumbs in time that grows with its length, not with its square", async () => {
    const crumbs = (async function* () {
      for (let count = 0; count < LONGEST_LINE; count++) yield "x";
    })();
    const began = performance.now();
    const lines: Line[] = [];
    for await (const line of readLines(crumbs)) lines.push(line);
    expect(lines.map(({ text }) => text?.length)).toEqual([LONGEST_LINE]);
    // A look through a mebibyte for each of a million crumbs takes minutes.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("has no line after a last newline, and none in nothing", async () => {
    expect([await linesOf("a\n"), await linesOf()]).toEqual([[{ number: 1, text: "a" }], []]);
  });

  it("passes over a line that is too long without keeping it, and goes on after it", async () => {
    const half = "x".repeat(LONGEST_LINE / 2 + 1);
    expect(await linesOf("a\n", half, half, half, half, `${half}\nb\n`, half, half)).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: null },
      { number: 3, text: "b" },
      { number: 4, text: null },
    ]);
  });
});
