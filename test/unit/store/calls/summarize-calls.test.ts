import fc from "fast-check";
import { expect, it } from "vitest";
import { CallDigest } from "../../../../src/store/calls/summarize-calls.js";

function digestOf(seqs: readonly number[]): string {
  const digest = new CallDigest();
  for (const seq of seqs) digest.add(seq, seq % 3);
  return digest.toString();
}

const seq = fc.oneof(fc.nat(50), fc.maxSafeNat());
const seqs = fc.uniqueArray(seq, { maxLength: 8 });

it("is the same for a set in any order, and another one for another set", () => {
  fc.assert(
    fc.property(seqs, seqs, (one, other) => {
      expect(digestOf(one.toReversed())).toBe(digestOf(one));
      const isSame = one.length === other.length && one.every((seq) => other.includes(seq));
      expect(digestOf(one) === digestOf(other)).toBe(isSame);
    }),
    { numRuns: 2_000 },
  );
});

it("differs for all pairs of a few hundred calls", () => {
  const pairs = Array.from({ length: 300 }, (_, one) => Array.from({ length: one }, (_, other) => digestOf([one, other])));
  expect(new Set(pairs.flat()).size).toBe((300 * 299) / 2);
});

it("differs by one attempt of a call", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(100), (seq, attempts) => {
      const [before, after] = [new CallDigest(), new CallDigest()];
      before.add(seq, attempts);
      after.add(seq, attempts + 1);
      expect(after.toString()).not.toBe(before.toString());
    }),
  );
});

it("counts a call as often as it is added", () => {
  expect(digestOf([7, 7])).not.toBe(digestOf([7]));
});
