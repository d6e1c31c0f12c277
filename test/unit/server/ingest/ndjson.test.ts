import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { type Line, LONGEST_LINE, readLines, SHORT_LINE } from "../../../../src/server/ingest/ndjson.js";
import { ByteBudget } from "../../../../src/server/requests/byte-budget.js";
import { heapBytes } from "../../../support/heap-bytes.js";

const ROOM = { room: new ByteBudget(), owner: "ada" };

async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<Line[]> {
  return allLines(
    (async function* () {
      yield* chunks;
    })(),
  );
}

async function allLines(stream: AsyncIterable<Buffer | string>): Promise<Line[]> {
  const lines: Line[] = [];
  await readLines(stream, ROOM, async (line) => lines.push(line) > 0);
  return lines;
}

describe("readLines", () => {
  it("numbers lines from 1, whatever ends them and however the chunks are cut, and skips empty ones", async () => {
    const text = Buffer.from("one\r\ntwo ü\n\nfour");
    const expected = [
      { number: 1, text: "one" },
      { number: 2, text: "two ü" },
      { number: 4, text: "four" },
    ];
    expect(await linesOf(text)).toEqual(expected);
    expect(await linesOf(...[...text].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it("reads a line in one-byte chunks in linear time", async () => {
    const bytes = (async function* () {
      for (let count = 0; count < SHORT_LINE; count++) yield "x";
    })();
    const before = process.cpuUsage();
    const lines = await allLines(bytes);
    expect(lines.map(({ text }) => text?.length)).toEqual([SHORT_LINE]);
    // Rescanning all of it for each byte would take minutes.
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
  });

  it("finds no line after the last newline, and none in an empty stream", async () => {
    expect([await linesOf("a\n"), await linesOf()]).toEqual([[{ number: 1, text: "a" }], []]);
  });

  it("reserves room for a line while it is long, and releases it even if the stream is cut off", async () => {
    const log: string[] = [];
    class LoggedBudget extends ByteBudget {
      override async reserve(): Promise<void> {
        log.push("reserve");
      }
      override release(): void {
        log.push("release");
      }
    }
    const room = new LoggedBudget();
    const long = "x".repeat(SHORT_LINE + 1);
    const broken = (async function* () {
      yield* ["short\n", long, long, "\n", "short\n", long];
      throw new Error("reset");
    })();
    const take = async ({ number }: Line) => log.push(`line ${number}`) > 0;
    await expect(readLines(broken, { room, owner: "ada" }, take)).rejects.toThrow("reset");
    expect(log).toEqual(["line 1", "reserve", "line 2", "release", "line 3", "reserve", "release"]);
  });

  it("keeps no line that was taken while it waits for the next one", async () => {
    const before = heapBytes();
    let taken = 0;
    const streams = Array.from({ length: 4 }, () => new PassThrough());
    const reads = streams.map((stream) => readLines(stream, ROOM, async () => ++taken > 0));
    // A character beyond Latin-1 makes V8 keep each of the line in two bytes.
    for (const stream of streams) stream.write(`${"x".repeat(SHORT_LINE * 8)}€\n{`);
    await expect.poll(() => taken).toBe(streams.length);
    expect(heapBytes() - before).toBeLessThan(SHORT_LINE * 8);
    for (const stream of streams) stream.end();
    await Promise.all(reads);
  });

  it("measures a line in bytes", async () => {
    const line = "ü".repeat(LONGEST_LINE / 2);
    const lines = await linesOf(`${line}\n`, `${line}x\n`);
    expect(lines.map(({ text }) => text?.length)).toEqual([LONGEST_LINE / 2, undefined]);
  });

  it("skips a line that is too long, and continues after it", async () => {
    const half = "x".repeat(LONGEST_LINE / 2 + 1);
    expect(await linesOf("a\n", half, half, half, half, `${half}\nb\n`, half, half)).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: null, problem: "the line is longer than 10 MiB" },
      { number: 3, text: "b" },
      { number: 4, text: null, problem: "the line is longer than 10 MiB" },
    ]);
  });

  it("skips a line that isn't UTF-8, and keeps those beside it", async () => {
    const latin1 = Buffer.from("é", "latin1");
    const halfACharacter = Buffer.from("€").subarray(0, 2);
    const lines = await linesOf(Buffer.from("ü\n"), latin1, Buffer.from("\r\nb\n"), halfACharacter);
    expect(lines).toEqual([
      { number: 1, text: "ü" },
      { number: 2, text: null, problem: "the line isn't UTF-8" },
      { number: 3, text: "b" },
      { number: 4, text: null, problem: "the line isn't UTF-8" },
    ]);
  });
});
