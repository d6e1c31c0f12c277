import { listRuns } from "../../../runs/journal/stored-runs.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { Invocation } from "../../invocation.js";
import { formatInstant } from "../../output/times.js";

/** A run that was cut is mentioned, and blocks nothing. */
export async function mentionUnfinishedRun({ screen }: Invocation, engine: RunDeps): Promise<void> {
  const runs = await listRuns(engine.runsDirectory);
  const cut = runs.find(({ state, profile }) => state === "unfinished" && profile === engine.profile);
  if (cut === undefined) return;
  screen.info(
    `note: the run of ${formatInstant(cut.startedAt, screen.renderOptions.utc)} wasn't finished; whcb replay --resume ${cut.runId} finishes it`,
  );
}
