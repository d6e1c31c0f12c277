/**
 * A `serve` on loopback holds locks whose names have its network namespace: beside its database, and for its port in the data folder of its
 * user. A command that finds one held reaches the same programs at loopback addresses, and at that port this `serve`, because no other
 * program can listen there meanwhile. Nobody else can take a lock in that folder.
 */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { WhcbError } from "../../domain/errors.js";
import { createFolder } from "../../platform/files/durable-folders.js";
import { isMadeByUser } from "../../platform/files/is-own.js";
import { removeLocked } from "../../platform/files/remove-locked.js";
import { type FileLock, isLocked, isLockedBeside, lockFile, lockPath } from "./lock-database.js";

/** Returns what stands for the port of this URL in a data folder. */
export function portPath(dataDirectory: string, url: string): string {
  return join(dataDirectory, `port-${portOf(url)}`);
}

function portOf(url: string): number {
  return Number(new URL(url).port || 80);
}

export type HeldPlace = Pick<FileLock, "release">;

export interface HeldPort extends HeldPlace {
  readonly path: string;
  readonly port: number;
}

/**
 * Locks a file for the host and port of this URL, at which this process must listen already, whatever the address rule. Touches it before.
 * Throws if it can't be locked, or is another user's.
 */
export async function holdPort(dataDirectory: string, url: string): Promise<HeldPort> {
  const path = `${portPath(dataDirectory, url)}-${new URL(url).hostname.replace(/[^\w.]/g, "-")}-api.lock.${placeHash()}`;
  await createFolder(dataDirectory);
  const lock = await lockFile(path, { isTouched: true });
  if (lock !== null && isMadeByUser(path)) return { path, port: portOf(url), release: () => removeLocked(path, lock.release) };
  await lock?.release();
  throw new WhcbError("unavailable", `${path} ${lock === null ? "is locked by another process" : "belongs to another user"}`);
}

/** `served` is a database, or a `portPath`. Where it can't be locked, commands don't find it. */
export async function holdPlace(served: string): Promise<HeldPlace> {
  try {
    await createFolder(dirname(served));
    const path = placePath(served);
    const lock = await lockFile(path);
    return {
      release: () => removeLocked(path, async () => lock?.release()),
    };
  } catch {
    return { async release() {} };
  }
}

/** Returns whether a `serve` of this user, on loopback of this network namespace, has it. */
export async function isServedHere(served: string): Promise<boolean> {
  try {
    return await isHeldHere(placePath(served));
  } catch {
    return false;
  }
}

/** Returns whether a process of this user, in this network namespace, has this file of `holdPort` or `holdPlace` locked. */
export async function isHeldHere(path: string): Promise<boolean> {
  try {
    return path.endsWith(placeHash()) && isMadeByUser(path) && (await isLocked(path));
  } catch {
    return false;
  }
}

/** Returns whether another `serve` has the database, or may have it. */
export async function isServedElsewhere(path: string): Promise<boolean> {
  if (await isServedHere(path)) return false;
  return isLockedBeside(path);
}

/** Throws what `placeHash` throws. */
function placePath(served: string): string {
  return `${lockPath(served)}.${placeHash()}`;
}

/** Throws if the network namespace is unknown. Where the system has none, the host's name counts. */
function placeHash(): string {
  const place =
    process.platform === "linux"
      ? [readFileSync("/proc/sys/kernel/random/boot_id", "utf8"), readlinkSync("/proc/self/ns/net")]
      : [process.platform, hostname()];
  return createHash("sha256").update(JSON.stringify(place)).digest("hex").slice(0, 16);
}
