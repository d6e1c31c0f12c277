/** The completion scripts run this as `whcb __complete SHELL …`. It prints candidates, and nothing else whatever happens. */
import { parseDuration } from "../../../domain/duration.js";
import type { CliDeps } from "../../cli-deps.js";
import { writeOutput } from "../../output/screen.js";
import { LiveValues } from "./live-values.js";
import { SHELL_PROTOCOLS, type Typed } from "./shell-protocols.js";
import { type Suggestions, suggest } from "./suggest.js";

/** Lookups get so long, unless WHCB_COMPLETION_TIMEOUT says otherwise. */
const DEADLINE = "300ms";

export async function completeLine([shell = "", ...args]: readonly string[], deps: CliDeps): Promise<number> {
  const protocol = Object.entries(SHELL_PROTOCOLS).find(([name]) => name === shell)?.[1];
  const answer = await protocol?.answer(args, (typed) => suggestInTime(typed, deps).catch(() => []));
  if (answer !== undefined) await writeOutput(deps.io.stdout, answer).catch(() => {});
  // A request that still waits would keep the process.
  deps.io.exitNow(0);
  return 0;
}

async function suggestInTime({ words, current }: Typed, deps: CliDeps): Promise<Suggestions> {
  const { clock, io } = deps;
  const deadlineMs = parseDuration(io.env.WHCB_COMPLETION_TIMEOUT || DEADLINE);
  const late = clock.sleepUntil(clock.now() + deadlineMs).then(() => []);
  const found = suggest(words, current, new LiveValues(deps));
  return Promise.race([found, late]);
}
