import { join } from "node:path";
import type { Random } from "../../platform/random.js";

/** Returns the UTC time (`now`, epoch ms) and four random digits, as in 20261124-233015-0427F3A. Ids sort by time. */
export function newRunId(now: number, random: Random): string {
  const [date = "", time = ""] = new Date(now).toISOString().split("T");
  const milliseconds = time.slice(9, 12);
  const digits = Buffer.from(random.bytes(2)).toString("hex").toUpperCase();
  return `${date.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}-${milliseconds}${digits}`;
}

export function journalPath(runsDirectory: string, runId: string): string {
  return join(runsDirectory, `${runId}.ndjson`);
}

/** Returns null for a lock or a draft. */
export function runIdOfFile(name: string): string | null {
  return /^([\dA-Z-]+)\.ndjson$/.exec(name)?.[1] ?? null;
}
