import { once } from "node:events";
import { createInterface } from "node:readline";
import { errorMessage } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Screen } from "../../output/screen.js";
import { text } from "../../output/screen-text.js";
import { DOWN, type Stage, UP } from "./demo-stage.js";
import type { History } from "./history.js";

/** Returns at Ctrl-C. */
export async function keepRunning(
  { deps, screen }: Invocation,
  stage: Stage,
  { endpoint, callbackName }: History,
): Promise<void> {
  const reader = screen.canAsk ? createInterface({ input: deps.io.stdin }) : null;
  let isDown = true;
  const repairOrBreak = (): void => {
    isDown = !isDown;
    endpoint.setBehaviour(isDown ? DOWN : UP);
    screen.info(isDown ? `the endpoint of ${callbackName} is down again` : `the endpoint of ${callbackName} accepts again`);
  };
  reader?.on("line", (line) => {
    if (line.trim() === "") repairOrBreak();
    else printCode(screen, stage).catch((error: unknown) => screen.info(errorMessage(error)));
  });
  try {
    await screen.out(text`\nListening on ${stage.url}/console\n`);
    await printCode(screen, stage);
    if (reader !== null) {
      screen.info(`Enter repairs the endpoint of ${callbackName}, or breaks it again`);
      screen.info("c and Enter print another code: after signing out, or for another browser");
    }
    screen.info("Ctrl-C ends the demo");
    if (!stage.ending.aborted) await once(stage.ending, "abort");
  } finally {
    reader?.close();
  }
}

async function printCode(screen: Screen, { client }: Stage): Promise<void> {
  const issued = await client.createSignInCode();
  if (issued === null) return;
  await screen.out(text`code  ${screen.renderOptions.palette.strong(issued.code)}\n`);
  screen.info("the code works once, within 5 minutes");
}
