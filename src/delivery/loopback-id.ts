import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * Returns an id that is equal in processes that reach the same programs at a loopback address: they share a network namespace of
 * the same boot. Where the system has no such namespaces, the host's name counts. Returns null if it can't be found.
 */
export function loopbackId(platform: NodeJS.Platform = process.platform): string | null {
  try {
    const place =
      platform === "linux"
        ? [readFileSync("/proc/sys/kernel/random/boot_id", "utf8"), readlinkSync("/proc/self/ns/net")]
        : [platform, hostname()];
    return createHash("sha256").update(JSON.stringify(place)).digest("hex").slice(0, 32);
  } catch {
    return null;
  }
}
