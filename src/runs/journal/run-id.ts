/** Ids of runs: readable, and sorted by name they are sorted by time. */
import type { Random } from "../../platform/random.js";

/** 20261124-233015-7F3A: the time in UTC (`now`, epoch ms), and some chance. */
export function newRunId(now: number, random: Random): string {
  const [date = "", time = ""] = new Date(now).toISOString().split("T");
  const chance = Buffer.from(random.bytes(2)).toString("hex").toUpperCase();
  return `${date.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}-${chance}`;
}
