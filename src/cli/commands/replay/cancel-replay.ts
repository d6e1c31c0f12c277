import { WhcbError } from "../../../domain/errors.js";
import { findRunId } from "../../../runs/journal/stored-runs.js";
import { nullIfGone } from "../../../runs/plan/call-scope.js";
import type { Invocation } from "../../args/command-spec.js";
import { writeJson } from "../../output/json-fields.js";
import { serviceLines } from "../../output/run/run-summary.js";
import { joinText } from "../../output/screen-text.js";
import { runFolder } from "../../settings/open-run-deps.js";
import { findNamedCallback, withSession } from "../../settings/session.js";

/** Cancels what the service hasn't begun to send of its replay. */
export function cancelReplay(invocation: Invocation, cancelled: string): Promise<void> {
  const { args, screen, deps } = invocation;
  if (args.operands.length > 1) throw new WhcbError("usage", "--cancel takes only a callback");
  return withSession(invocation, async (session) => {
    const callback = await findNamedCallback(invocation, session);
    if (callback === null) throw new WhcbError("usage", "--cancel needs the callback of the replay");
    const { client } = session;
    const name = callback.name || callback.id;
    const cancel = async (id: string) =>
      (await client.cancelReplay(callback.id, id)) ? client.findReplay(callback.id, id) : null;
    let replay = await cancel(cancelled);
    // The id may be a part of that of a run made from here.
    const runId = replay === null ? await findRunId(runFolder(deps).runsDirectory, cancelled).catch(nullIfGone) : null;
    if (runId !== null) replay = await cancel(runId);
    if (replay === null) throw new WhcbError("not-found", `the service has no replay ${cancelled} of ${name}`);
    const lines = [`replay ${replay.id} of ${name}`, ...serviceLines({ ...replay, settled: 0 }, screen.renderOptions)];
    if (screen.format === "json") await writeJson({ ...replay }, screen);
    else screen.info(joinText(lines, "\n"));
  });
}
