/** Lets virtual time run, from one sleeper's instant to the next, until the work is done. */
import { setImmediate as turn } from "node:timers/promises";
import type { VirtualClock } from "./virtual-clock.js";

/** Turns of the event loop without activity before time advances: files and sockets of this process get their turn. */
const QUIET_TURNS = 20;
const MOST_STEPS = 100_000;

export async function passTime<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  for (let step = 0; step < MOST_STEPS; step++) {
    for (let quiet = 0; quiet < QUIET_TURNS && !isDone; quiet++) await turn();
    if (isDone) return work;
    if (clock.nextWakeAt !== null) clock.set(clock.nextWakeAt);
  }
  throw new Error("The work doesn't end.");
}
