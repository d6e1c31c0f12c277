/**
 * A password takes 32 MiB and about 60 ms to hash, and these tests hash hundreds. In their own processes it takes a 32nd of that; a `whcb`
 * that they start hashes as in production.
 */
import crypto, { type BinaryLike, type ScryptOptions } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

const { scrypt } = crypto;

function scryptCheaply(
  password: BinaryLike,
  salt: BinaryLike,
  bytes: number,
  options: ScryptOptions,
  done: (error: Error | null, hash: Buffer) => void,
): void {
  scrypt(password, salt, bytes, { ...options, N: 1_024 }, done);
}

// Vitest runs this before each test file, and some run in one process.
if (scrypt.name !== scryptCheaply.name) {
  Object.assign(crypto, { scrypt: scryptCheaply });
  syncBuiltinESMExports();
}
