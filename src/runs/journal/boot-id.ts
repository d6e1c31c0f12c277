/** Identifies the boot: a power cut may lose unflushed lines, a killed process loses none. */
import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import type { Clock } from "../../platform/clock.js";

const LINUX_BOOT_ID = "/proc/sys/kernel/random/boot_id";
/** The wall clock may be adjusted. */
const TOLERANCE_S = 120;

export async function readBootId(clock: Clock): Promise<string> {
  const id = await readFile(LINUX_BOOT_ID, "utf8").catch(() => "");
  return id.trim() || `since ${Math.round(clock.now() / 1_000 - uptime())}`;
}

export function isSameBoot(one: string, other: string): boolean {
  const [first, second] = [secondsOf(one), secondsOf(other)];
  return one === other || (first !== null && second !== null && Math.abs(first - second) <= TOLERANCE_S);
}

function secondsOf(bootId: string): number | null {
  const seconds = /^since (\d+)$/.exec(bootId)?.[1];
  return seconds === undefined ? null : Number(seconds);
}
