import { expect, it } from "vitest";
import { readJson } from "../../../../src/wire/json/read-json.js";

const list = (item: string, count: number) => `[${Array.from({ length: count }, () => item).join(",")}]`;

it("reads up to 200 000 values, whatever their strings contain", () => {
  const tricky = JSON.stringify('{[,"\\",\\\\');
  for (const [item, count] of [["0", 199_998] as const, ["{}", 99_999] as const, [tricky, 199_998] as const]) {
    const text = list(item, count);
    expect(JSON.stringify(readJson(text, "body")) === text).toBe(true);
  }
  expect(readJson(JSON.stringify(",".repeat(300_000)), "body")).toBe(",".repeat(300_000));
});

it.each(["0", "{}", "[]", '"\\\\"', '"\\""', '{"a":0}'])("rejects more of %s", (item) => {
  expect(() => readJson(list(item, 200_001), "line")).toThrow("the line has more than 200000 values");
});

it("rejects more levels than allowed, however few values there are", () => {
  const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}"]"${"}]".repeat(levels / 2)}`;
  const limits = { values: 100, levels: 4 };
  const wide = '[[[]],[[]],[[[]]],"[[[[["]';
  expect([readJson(nested(4), "answer", limits), readJson(wide, "answer", limits)]).toEqual([
    JSON.parse(nested(4)),
    JSON.parse(wide),
  ]);
  const long = `[${nested(4)},"${"x".repeat(2 ** 20)}"]`;
  for (const text of [nested(6), long])
    expect(() => readJson(text, "answer", limits)).toThrow("the answer has more than 4 levels");
  expect(readJson(long, "answer", { values: 100, levels: 5 })).toEqual(JSON.parse(long));
});

it.each([
  ["12345678901234567890", "12345678901234567890"],
  ["-9007199254740993", "-9007199254740993"],
  ["0.12345678901234567890", "0.12345678901234567890"],
  ["1e400", "1e400"],
  ["9007199254740991", 9007199254740991],
  ["0.1234567890123456", 0.1234567890123456],
  ["1.50", 1.5],
  ["-0", -0],
])("reads the number %s without a change", (number, value) => {
  const text = `{"a": 12345678901234567890, "b" :[ ${number},${number}],"\\"1234567890123456789": ": 12345678901234567890"}`;
  expect(readJson(text, "body")).toEqual({
    a: "12345678901234567890",
    b: [value, value],
    '"1234567890123456789': ": 12345678901234567890",
  });
  expect(readJson(number, "body")).toBe(Number(number));
});

it("reads long numbers in linear time", () => {
  const text = `[${"12345678901234567890,".repeat(100_000)}0]`;
  expect(JSON.stringify(readJson(text, "body"))).toHaveLength(100_000 * 23 + 3);
  expect(() => readJson(`[${"1".repeat(5_000_000)}`, "body")).toThrow("the body isn't JSON");
  expect(readJson(`[${" ".repeat(5_000_000)}1]`, "body")).toEqual([1]);
});

it("rejects what isn't JSON", () => {
  for (const text of [
    "",
    "{",
    "[012345678901234567890]",
    "{12345678901234567890:1}",
    '{"a":"',
    `"${"x".repeat(300_000)}`,
    `"${'\\"'.repeat(150_000)}`,
  ]) {
    expect(() => readJson(text, "body")).toThrow("the body isn't JSON");
  }
});
