import { join } from "node:path";

const SUFFIX = ".ndjson";

export function journalPath(runsDirectory: string, runId: string): string {
  return join(runsDirectory, `${runId}${SUFFIX}`);
}

/** null where the file is no journal (a lock, a draft). */
export function runIdOfFile(name: string): string | null {
  return /^[\dA-Z-]+\.ndjson$/.test(name) ? name.slice(0, -SUFFIX.length) : null;
}
