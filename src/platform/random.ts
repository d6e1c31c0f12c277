import { randomBytes } from "node:crypto";

/** Chance, handed in, so that the same seed gives the same run. */
export interface Random {
  /** A number in [0,1). */
  unit(): number;
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  bytes: (length) => randomBytes(length),
};
