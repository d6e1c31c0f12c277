import { readFileSync, writeFileSync } from "node:fs";
import { journalPath } from "../../../src/runs/journal/run-id.js";
import type { RunFolder } from "../../../src/runs/run-deps.js";

/** The run's process was killed before it wrote the end. */
export function removeEnd(runId: string, { runsDirectory }: Pick<RunFolder, "runsDirectory">): void {
  const journal = journalPath(runsDirectory, runId);
  const lines = readFileSync(journal, "utf8").split("\n");
  writeFileSync(journal, lines.filter((line) => !line.includes('"step":"ended"')).join("\n"));
}

/** The run's process was killed while its first calls were in flight. */
export function endWithSends(runId: string, { runsDirectory }: Pick<RunFolder, "runsDirectory">, inFlight = 1): void {
  const path = journalPath(runsDirectory, runId);
  const journal = readFileSync(path, "utf8");
  const sent = journal.match(/^\{"step":"sent".*\n/gm)?.slice(0, inFlight) ?? [];
  writeFileSync(path, [journal.slice(0, journal.indexOf('{"step":"sent"')), ...sent].join(""));
}
