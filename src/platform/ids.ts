/** Ids as the platform writes them: upper-case hex. */
import type { Random } from "./random.js";

/** A UUIDv7 (RFC 9562) as 32 upper-case hex digits: sorts by `now` (epoch ms). For calls, outages, runs. */
export function timeOrderedId(now: number, random: Random): string {
  const bytes = random.bytes(10);
  const time = now.toString(16).padStart(12, "0");
  const tail = Buffer.from(bytes);
  tail.writeUInt8((tail.readUInt8(0) & 0x0f) | 0x70, 0);
  tail.writeUInt8((tail.readUInt8(2) & 0x3f) | 0x80, 2);
  return (time + tail.toString("hex")).toUpperCase();
}

/** 16 upper-case hex digits. For callbacks. */
export function shortId(random: Random): string {
  return Buffer.from(random.bytes(8)).toString("hex").toUpperCase();
}

/** 32 upper-case hex digits of chance alone. For message ids that a caller left out. */
export function randomId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString("hex").toUpperCase();
}
