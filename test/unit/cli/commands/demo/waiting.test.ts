import { expect, test } from "vitest";
import { waitUntil } from "../../../../../src/cli/commands/demo/demo-stage.js";
import { VirtualClock } from "../../../../support/time/virtual-clock.js";

/** Waits for something that happens after `seconds`. */
async function waitFor(seconds: number): Promise<void> {
  const clock = new VirtualClock();
  const happensAt = clock.now() + seconds * 1_000;
  const stage = { deps: { clock }, ending: new AbortController().signal };
  let isWaiting = true;
  const waiting = waitUntil(stage, "the e-mail", async () => clock.now() >= happensAt).finally(() => {
    isWaiting = false;
  });
  waiting.catch(() => {});
  while (isWaiting) {
    await clock.nextTurn();
    clock.advance(1_000);
  }
  return waiting;
}

test("the demo waits for a machine that is slow", async () => {
  await expect(waitFor(59)).resolves.toBeUndefined();
});

test("and gives up after a minute", async () => {
  await expect(waitFor(65)).rejects.toThrow("the demo waited 60 s for the e-mail, and gave up");
});
