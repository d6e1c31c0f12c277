import { type Background, CliMachine } from "../cli/cli-service.js";
import type { IoOptions } from "../cli/cli-streams.js";
import { defaultFlags } from "../cli/default-flags.js";
import type { Home } from "./whcb-process.js";

/** Starts `whcb serve` of this home in this process, which takes a tenth of the time, for tests that only need some service. */
export async function serveHere(home: Home, args: readonly string[] = [], options?: IoOptions): Promise<Background> {
  const flags = defaultFlags(args, { "--db": home.path("x.db") });
  const service = await new CliMachine({}, home.paths).serve([...flags, ...args], options);
  home.atLeave(service.stop);
  return service;
}
