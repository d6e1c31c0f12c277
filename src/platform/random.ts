/** Randomness is injected, so a seed repeats a run. Ids are upper-case hex, as on the platform. */

export interface Random {
  /** Returns a number in [0,1). */
  fraction(): number;
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  // Loading it takes 3 ms, and --help needs no random bytes.
  bytes: (length) => process.getBuiltinModule("node:crypto").randomBytes(length),
};

const POOL_BYTES = 4096;

/** Reads blocks: 10 bytes cost as much as 4096. No byte is used twice. */
export function pooledRandom(random: Random): Random {
  let [pool, drawn] = [Buffer.alloc(0), 0];
  return {
    fraction: () => random.fraction(),
    bytes(length) {
      if (length > POOL_BYTES) return random.bytes(length);
      if (pool.length - drawn < length) [pool, drawn] = [Buffer.from(random.bytes(POOL_BYTES)), 0];
      drawn += length;
      return pool.subarray(drawn - length, drawn);
    },
  };
}

/** Returns the 32 digits of a UUIDv7 (RFC 9562), which sorts by `now`. */
export function timeOrderedId(now: number, random: Random): string {
  const bytes = random.bytes(10);
  const time = now.toString(16).padStart(12, "0");
  const tail = Buffer.from(bytes);
  tail.writeUInt8((tail.readUInt8(0) & 0x0f) | 0x70, 0);
  tail.writeUInt8((tail.readUInt8(2) & 0x3f) | 0x80, 2);
  return (time + tail.toString("hex")).toUpperCase();
}

/** Returns 16 digits, as callbacks have them. */
export function shortId(random: Random): string {
  return hexId(8, random);
}

/** Returns 32 digits, all random. */
export function randomId(random: Random): string {
  return hexId(16, random);
}

/** Returns a new password, API key or callback's key. */
export function newSecret(random: Random): string {
  return Buffer.from(random.bytes(24)).toString("base64url");
}

/** Returns a secret that signs deliveries, as Standard Webhooks writes it. */
export function newSigningSecret(random: Random): string {
  return `whsec_${Buffer.from(random.bytes(24)).toString("base64")}`;
}

/** Passwords and API keys that somebody chooses have at least so many characters. */
export const MIN_SECRET_LENGTH = 12;

export function isShortSecret(secret: string): boolean {
  return [...secret].length < MIN_SECRET_LENGTH;
}

function hexId(bytes: number, random: Random): string {
  return Buffer.from(random.bytes(bytes)).toString("hex").toUpperCase();
}
