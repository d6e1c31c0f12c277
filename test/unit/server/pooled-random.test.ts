import { expect, it } from "vitest";
import { systemRandom } from "../../../src/platform/random.js";
import { pooledRandom } from "../../../src/server/pooled-random.js";

it("gives the bytes that it drew, each once and in order, whatever lengths are asked for", () => {
  const drawn: Buffer[] = [];
  const random = pooledRandom({
    fraction: () => 0.5,
    bytes(length) {
      const bytes = Buffer.from(systemRandom.bytes(length));
      drawn.push(bytes);
      return bytes;
    },
  });
  const given = Array.from({ length: 1000 }, (_, index) => Buffer.from(random.bytes(1 + (index % 32))));
  const distinct = new Set(given.filter(({ length }) => length >= 8).map((bytes) => bytes.toString("hex")));
  expect(distinct.size).toBe(given.filter(({ length }) => length >= 8).length);
  expect(given.every(({ length }, index) => length === 1 + (index % 32))).toBe(true);
  expect(drawn[0]?.subarray(0, 3)).toEqual(Buffer.concat(given.slice(0, 2)));
  expect(random.bytes(5000).length).toBe(5000);
});
