import { mkdir } from "node:fs/promises";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { RunningService, ServeOptions } from "../../cli-deps.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";
import { settingsPath } from "../../settings/read-settings.js";
import { requireValidCredentials } from "../../settings/valid-credentials.js";
import { chooseCredentials, keepCredentials, keepLocalProfile, type ServeCredentials } from "./serve-credentials.js";
import { readServeOptions } from "./serve-options.js";

export async function run(invocation: Invocation): Promise<number> {
  const { deps, screen } = invocation;
  readServeOptions(invocation, { username: "", password: "", apiKey: "" });
  const chosen = await chooseCredentials(invocation);
  requireValidCredentials(chosen.credentials);
  const options = readServeOptions(invocation, chosen.credentials);
  await mkdir(deps.paths.data, { recursive: true, mode: 0o700 }).catch(() => undefined);
  let interrupts = 0;
  let service: RunningService | null = null;
  const stopListening = deps.io.onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) return deps.io.exitNow(EXIT_INTERRUPTED);
    if (service === null) return;
    screen.info("stopping: what is under way ends first; Ctrl-C again stops at once");
    stop(service);
  });
  try {
    service = await startService(invocation, options);
    try {
      await keepCredentials(invocation, chosen);
      await announce(invocation, service, chosen);
    } catch (error) {
      await service.stop().catch(() => undefined);
      throw error;
    }
    if (interrupts > 0) stop(service);
    await service.stopped;
    // What a stop couldn't do, such as to record the last outcomes, is told with its own exit code.
    await service.stop();
    return 0;
  } finally {
    stopListening();
  }
}

/** Its end, good or bad, is waited for elsewhere. */
function stop(service: RunningService): void {
  service.stop().catch(() => undefined);
}

async function startService({ deps }: Invocation, options: ServeOptions): Promise<RunningService> {
  try {
    return await deps.startService(options);
  } catch (error) {
    if (isWhcbError(error)) throw error;
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "EADDRINUSE") {
      throw new WhcbError("unavailable", `port ${options.port} of ${options.host} is taken`, {
        hint: "is whcb serve running already? --port 0 takes any free port",
        cause: error,
      });
    }
    if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new WhcbError("unavailable", `can't listen on ${options.host}, port ${options.port} (${code})`, { cause: error });
    }
    throw error;
  }
}

/** The one line on stdout comes last: whoever waits for it finds the settings written. */
async function announce(invocation: Invocation, service: RunningService, chosen: ServeCredentials): Promise<void> {
  const { deps, screen } = invocation;
  const url = reachableUrl(service.url);
  try {
    const kept = await keepLocalProfile(invocation, url, chosen);
    if (chosen.isNew)
      screen.info(`first run: a user and an API key were made; they are kept in ${settingsPath(deps.paths.config)}`);
    if (kept === "kept") screen.info("the profile local was refreshed; another one is current (use it with --profile local)");
  } catch (error) {
    // A container's settings folder may be read-only; the service is up all the same.
    screen.info(`warning: the profile local wasn't written: ${error instanceof Error ? error.message : error}`);
  }
  await screen.out(`Listening on ${service.url}\n`);
}

/** Where this machine reaches a service that is bound to every address. */
function reachableUrl(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}
