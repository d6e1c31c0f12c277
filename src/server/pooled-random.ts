import type { Random } from "../platform/random.js";

const POOL_BYTES = 4096;

/** The same chance, drawn by the page: asking the system for ten bytes costs as much as for thousands. No byte is given twice. */
export function pooledRandom(random: Random): Random {
  let pool = Buffer.alloc(0);
  return {
    fraction: () => random.fraction(),
    bytes(length) {
      if (length > POOL_BYTES) return random.bytes(length);
      if (pool.length < length) pool = Buffer.from(random.bytes(POOL_BYTES));
      const drawn = pool.subarray(0, length);
      pool = pool.subarray(length);
      return drawn;
    },
  };
}
