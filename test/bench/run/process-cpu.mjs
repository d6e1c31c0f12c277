import { readdirSync, readFileSync } from "node:fs";

/** Of Linux, on all its architectures. */
const TICK_MS = 10;

/** @param {readonly number[]} pids */
export function cpuOfProcesses(pids) {
  try {
    const all = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readProcess(Number(name)));
    const wanted = new Set(pids);
    // Parents may come after their children.
    for (let size = -1; size !== wanted.size; ) {
      size = wanted.size;
      for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid);
    }
    return all.reduce((sum, { pid, ticks }) => (wanted.has(pid) ? sum + ticks * TICK_MS : sum), 0);
  } catch {
    return Number.NaN;
  }
}

/** With what its ended children took. Empty if it has ended. */
function readProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5), from the third field on; the second may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), ticks }];
  } catch {
    return [];
  }
}
