import { expect, test } from "vitest";
import { pooledRandom, randomId, shortId, systemRandom, timeOrderedId } from "../../../src/platform/random.js";
import { seededRandom } from "../../support/time/seeded-random.js";

const ALL_ONES = { fraction: () => 0, bytes: (length: number) => new Uint8Array(length).fill(0xff) };

test("a time-ordered id is a UUIDv7 in upper-case hex", () => {
  expect(timeOrderedId(0x0193a1b2c3d4, ALL_ONES)).toBe("0193A1B2C3D47FFFBFFFFFFFFFFFFFFF");
});

test("time-ordered ids sort by their time", () => {
  const random = seededRandom(1);
  const ids = [0, 1, 4_095, 4_096, 1_700_000_000_000].map((now) => timeOrderedId(now, random));
  expect([...ids].sort()).toEqual(ids);
});

test("other ids are random hex of 16 and 32 digits", () => {
  expect(shortId(seededRandom(1))).toMatch(/^[0-9A-F]{16}$/);
  expect(randomId(seededRandom(1))).toMatch(/^[0-9A-F]{32}$/);
  expect(randomId(seededRandom(1))).not.toBe(randomId(seededRandom(2)));
});

test("pooled randomness uses each drawn byte once and in order, whatever lengths are asked for", () => {
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
  const long = given.filter(({ length }) => length >= 8).map((bytes) => bytes.toString("hex"));
  expect(new Set(long).size).toBe(long.length);
  expect(given.map(({ length }) => length)).toEqual(given.map((_, index) => 1 + (index % 32)));
  expect(drawn[0]?.subarray(0, 3)).toEqual(Buffer.concat(given.slice(0, 2)));
  expect(random.bytes(5000).length).toBe(5000);
});
