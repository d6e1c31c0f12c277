import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import { text } from "../../output/screen-text.js";
import { DOWN, type Stage, UP } from "./demo-stage.js";
import type { History } from "./history.js";

/** Until Ctrl-C. */
export async function keepRunning(
  { deps, screen }: Invocation,
  stage: Stage,
  { endpoint, callbackName }: History,
): Promise<void> {
  const ending = new AbortController();
  const stopListening = deps.io.onInterrupt(() => {
    if (ending.signal.aborted) return deps.io.exitNow(EXIT_INTERRUPTED);
    ending.abort();
  });
  const reader = screen.canAsk ? createInterface({ input: deps.io.stdin }) : null;
  let isDown = true;
  reader?.on("line", () => {
    isDown = !isDown;
    endpoint.setBehaviour(isDown ? DOWN : UP);
    screen.info(isDown ? `the endpoint of ${callbackName} is down again` : `the endpoint of ${callbackName} accepts again`);
  });
  try {
    await screen.out(text`\nListening on ${stage.url}/console\n`);
    if (reader !== null) screen.info(`Enter repairs the endpoint of ${callbackName}, or breaks it again.`);
    screen.info("Ctrl-C ends the demo.");
    if (!ending.signal.aborted) await once(ending.signal, "abort");
  } finally {
    reader?.close();
    stopListening();
  }
}
