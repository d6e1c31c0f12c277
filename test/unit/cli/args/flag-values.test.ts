import { describe, expect, test } from "vitest";
import { formatSize, integer, parseRate, parseShare, parseSize } from "../../../../src/cli/args/flag-values.js";

const NOW = Date.UTC(2026, 10, 24, 12);

describe("rates", () => {
  test.each([
    ["20/s", 20],
    ["600/m", 10],
    ["7200/h", 2],
    ["5", 5],
  ])("%s is %d a second", (text, rate) => expect(parseRate(text)).toBe(rate));
  test.each(["0", "fast", "-1/s", "5/d"])("%j isn't a rate", (text) => expect(() => parseRate(text)).toThrow("must be a rate"));
});

describe("numbers", () => {
  test("are whole and within their bounds, both inclusive", () => {
    const context = { now: NOW, utc: true };
    const read = integer(1, 10);
    expect([read("1", context), read("10", context)]).toEqual([1, 10]);
    for (const text of ["0", "11", "1.5", "-1", ""])
      expect(() => read(text, context)).toThrow("must be a whole number, from 1 to 10");
    expect(() => integer(1)("0", context)).toThrow("must be a whole number, 1 or more");
  });

  test("are a fraction from 0 to 1", () => {
    expect([parseShare("0"), parseShare(".5"), parseShare("1")]).toEqual([0, 0.5, 1]);
    for (const text of ["2", "-0.5", "half"]) expect(() => parseShare(text)).toThrow("must be a number from 0 to 1");
  });
});

describe("sizes", () => {
  test.each([
    ["64MiB", 67_108_864, "64MiB"],
    ["1.5 MiB", 1_572_864, "1.5MiB"],
    ["2048KiB", 2_097_152, "2MiB"],
    ["1GiB", 1_073_741_824, "1024MiB"],
  ])("%s is %i bytes, shown as %s", (text, bytes, shown) => {
    expect([parseSize(text), formatSize(bytes)]).toEqual([bytes, shown]);
  });

  test.each(["64", "64MB", "1023KiB", "0MiB", "-1MiB", "9999999999GiB"])("%j is none of 1MiB or more", (text) => {
    expect(() => parseSize(text)).toThrow("must be a size of 1MiB or more");
  });
});
