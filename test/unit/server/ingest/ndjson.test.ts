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
  it("numbers lines from 1, whatever ends them and however the chunks are cut", async () => {
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

  it("reads a line in one-byte chunks in linear time", async () => {
    const bytes = (async function* () {
      for (let count = 0; count < LONGEST_LINE; count++) yield "x";
    })();
    const began = performance.now();
    const lines: Line[] = [];
    for await (const line of readLines(bytes)) lines.push(line);
    expect(lines.map(({ text }) => text?.length)).toEqual([LONGEST_LINE]);
    // Rescanning a mebibyte for each byte would take minutes.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("finds no line after the last newline, and none in an empty stream", async () => {
    expect([await linesOf("a\n"), await linesOf()]).toEqual([[{ number: 1, text: "a" }], []]);
  });

  it("skips a line that is too long, and goes on after it", async () => {
    const half = "x".repeat(LONGEST_LINE / 2 + 1);
    expect(await linesOf("a\n", half, half, half, half, `${half}\nb\n`, half, half)).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: null },
      { number: 3, text: "b" },
      { number: 4, text: null },
    ]);
  });
});
