import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage, WhcbError } from "../../../domain/errors.js";
import { Teardown } from "../../../platform/teardown.js";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_BUG, EXIT_DONE } from "../../exit-codes.js";
import { onFirstInterrupt } from "../../on-interrupt.js";
import type { Screen } from "../../output/screen.js";
import { joinText, text } from "../../output/screen-text.js";
import type { DemoFlags } from "./command.js";
import { openStage } from "./demo-stage.js";
import { HISTORY_MS, playHistory } from "./history.js";
import { keepRunning } from "./keep-running.js";
import { PastClock } from "./past-clock.js";
import { type DemoCheck, playStory } from "./story.js";

export async function run(invocation: Invocation<DemoFlags>): Promise<number> {
  const directory = await makeDirectory();
  const teardown = new Teardown();
  teardown.addStep(() => rm(directory, { recursive: true, force: true }));
  const ending = new AbortController();
  using _interrupts = onFirstInterrupt(invocation.deps.io, () => ending.abort());
  try {
    const code = await playDemo(invocation, directory, teardown, ending.signal);
    await teardown.run();
    return code;
  } catch (error) {
    await teardown.run().catch(() => undefined);
    throw error;
  }
}

async function makeDirectory(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "whcb-demo-"));
  } catch (cause) {
    throw new WhcbError("config", `the demo can't make a folder for its files: ${errorMessage(cause)}`, {
      hint: "set TMPDIR to a folder that can be written",
      cause,
    });
  }
}

async function playDemo(
  invocation: Invocation<DemoFlags>,
  directory: string,
  teardown: Teardown,
  ending: AbortSignal,
): Promise<number> {
  const { deps, values, screen } = invocation;
  const isKept = values.keep;
  const clock = new PastClock(deps.clock, isKept ? HISTORY_MS : 0);
  const say = (line: string) => screen.out(text`${line}\n`);
  const stage = await openStage({ deps, clock, directory, teardown, ending, say });
  const { checks, callback } = await playStory(stage);
  const isRight = await printChecks(checks, screen);
  if (isRight && isKept) await keepRunning(invocation, stage, await playHistory(stage, clock, callback));
  return isRight ? EXIT_DONE : EXIT_BUG;
}

async function printChecks(checks: readonly DemoCheck[], screen: Screen): Promise<boolean> {
  const { palette } = screen.renderOptions;
  const wrong = checks.filter(({ expected, seen }) => expected !== seen);
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.map(({ name, expected, seen }) =>
    expected === seen
      ? text`${palette.good("ok")}     ${name.padEnd(width)}  ${seen}`
      : text`${palette.bad("wrong")}  ${name.padEnd(width)}  expected ${expected}, saw ${seen}`,
  );
  await screen.out(text`\n${joinText(lines, "\n")}\n`);
  screen.info(wrong.length === 0 ? "every count is right" : `${wrong.length} of ${checks.length} counts are wrong`);
  return wrong.length === 0;
}
