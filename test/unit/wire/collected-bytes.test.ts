import { expect, it } from "vitest";
import { CollectedBytes } from "../../../src/wire/collected-bytes.js";

it("takes at most twice the bytes of its pieces, however small they are", () => {
  const collected = new CollectedBytes();
  for (let index = 0; index < 100_000; index += 1) collected.add(Buffer.from([index % 256]));
  expect(collected.length).toBe(100_000);
  expect(collected.capacity).toBeLessThan(200_000);
  expect(collected.bytes().subarray(255, 258)).toEqual(Buffer.from([255, 0, 1]));
});

it("copies its pieces", () => {
  const collected = new CollectedBytes();
  const piece = Buffer.from("a");
  collected.add(piece);
  piece.write("b");
  collected.add(piece);
  expect(collected.bytes().toString()).toBe("ab");
});
