/** Runs one command line in this process, with streams in memory and a settings folder of its own. */
import { join } from "node:path";
import type { CliDeps } from "../../../src/cli/cli-deps.js";
import { run } from "../../../src/cli/run.js";
import { changeSettings, type Settings } from "../../../src/cli/settings/settings-file.js";
import { systemClock } from "../../../src/platform/clock.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { lockFile } from "../../../src/store/sqlite/lock-database.js";
import { isServedElsewhere, isServedHere, portPath } from "../../../src/store/sqlite/place-lock.js";
import { newTemporaryFolder } from "../temporary-folders.js";
import { captureIo, type IoOptions } from "./cli-streams.js";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliWorld {
  readonly paths: { readonly config: string; readonly data: string };
  readonly deps?: Partial<CliDeps>;
}

export function newCliWorld(deps: Partial<CliDeps> = {}): CliWorld {
  const folder = newTemporaryFolder("whcb-cli-");
  return { paths: { config: join(folder, "config"), data: join(folder, "data") }, deps };
}

export async function runCli(world: CliWorld, argv: readonly string[], options: IoOptions = {}): Promise<CliResult> {
  const io = captureIo(options);
  const code = await run(argv, cliDeps(world, io));
  return { code, stdout: io.out(), stderr: io.err() };
}

export function cliDeps(world: CliWorld, io: CliDeps["io"]): CliDeps {
  const nothing = (what: string) => () => Promise.reject(new Error(`this test opens no ${what}`));
  return {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    version: "1.2.3",
    openClient: nothing("client"),
    openDeliverer: nothing("deliverer"),
    openDatabase: nothing("database"),
    loadMaintenance: nothing("maintenance"),
    openInBrowser: nothing("browser"),
    openFullScreen: nothing("full screen"),
    startService: nothing("service"),
    lockFile,
    isServedHere: (url) => isServedHere(portPath(world.paths.data, url)),
    isServedElsewhere,
    ...world.deps,
    io,
    paths: world.paths,
  };
}

/** Stores what earlier commands would have stored. */
export function storeSettings(world: CliWorld, change: (settings: Settings) => Settings): Promise<Settings> {
  return changeSettings(cliDeps(world, captureIo()), change);
}
