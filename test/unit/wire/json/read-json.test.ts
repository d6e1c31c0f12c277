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

it("rejects what isn't JSON", () => {
  for (const text of ["", "{", '{"a":"', `"${"x".repeat(300_000)}`, `"${'\\"'.repeat(150_000)}`]) {
    expect(() => readJson(text, "body")).toThrow("the body isn't JSON");
  }
});
