import { rmdir } from "node:fs/promises";
import type { ServiceCredentials } from "../../../client/service-api.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import { createFolder } from "../../../platform/files/durable-folders.js";
import { isShortSecret, MIN_SECRET_LENGTH } from "../../../platform/random.js";
import type { Invocation } from "../../args/command-spec.js";
import type { RunningService, ServeOptions } from "../../cli-deps.js";
import { onFirstInterrupt } from "../../on-interrupt.js";
import { text } from "../../output/screen-text.js";
import { warnOfClearDatabase, warnOfClearText } from "../../settings/clear-text-warning.js";
import { databaseName } from "../../settings/database-path.js";
import { warnOfOpenDatabase } from "../../settings/open-files.js";
import { requireValidCredentials } from "../../settings/resolve-settings.js";
import { writeServeProfile } from "../../settings/serve-profile.js";
import { settingsPath } from "../../settings/settings-file.js";
import type { ServeFlags } from "./command.js";
import { chooseCredentials, type ServeCredentials, storeCredentials } from "./serve-credentials.js";
import { readServeOptions } from "./serve-options.js";
import { describeStart } from "./start-text.js";

export async function run(invocation: Invocation<ServeFlags>): Promise<void> {
  const { deps, screen } = invocation;
  // Wrong flags fail before credentials are generated.
  const flags = readServeOptions(invocation);
  const chosen = invocation.values.noApi ? null : await chooseCredentials(invocation);
  if (chosen !== null) requireValidCredentials(chosen.credentials);
  const options = { ...flags, credentials: chosen?.credentials ?? null };
  const created = await createFolder(deps.paths.data).catch(() => undefined);
  let isInterrupted = false;
  let service: RunningService | null = null;
  using _interrupts = onFirstInterrupt(deps.io, () => {
    isInterrupted = true;
    if (service === null) return;
    screen.info("stopping once the attempts in flight have finished; Ctrl-C again stops at once");
    stopService(service);
  });
  service = await startService(invocation, options).catch(async (error: unknown) => {
    if (created !== undefined) await rmdir(deps.paths.data).catch(() => undefined);
    throw error;
  });
  try {
    if (chosen !== null) {
      await storeCredentials(invocation, chosen);
      await announceApi(invocation, service, options, chosen);
    }
    await announceStart(invocation, service, options);
  } catch (error) {
    await service.stop().catch(() => undefined);
    throw error;
  }
  if (isInterrupted) stopService(service);
  await service.stopped;
  // Throws what failed, such as recording the last outcomes.
  await service.stop();
}

/** `run` waits for the end and reports errors, so they are ignored here. */
function stopService(service: RunningService): void {
  service.stop().catch(() => undefined);
}

async function startService({ deps }: Invocation, options: ServeOptions): Promise<RunningService> {
  try {
    return await deps.startService(options);
  } catch (error) {
    if (isWhcbError(error)) throw error;
    const code = error instanceof Error && "code" in error ? error.code : "";
    // It is the port of the API or of the metrics.
    const port = error instanceof Error && "port" in error ? error.port : options.port;
    const host = error instanceof Error && "address" in error ? error.address : options.host;
    if (code === "EADDRINUSE") {
      throw new WhcbError("unavailable", `port ${port} of ${host} is taken`, {
        hint: "is whcb serve running already? --port 0 takes any free port",
        cause: error,
      });
    }
    if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new WhcbError("unavailable", `can't listen on ${host}, port ${port} (${code})`, { cause: error });
    }
    throw error;
  }
}

async function announceApi(
  invocation: Invocation,
  service: RunningService,
  { database, authParameter, bodyNames, host, trustedProxies }: ServeOptions,
  chosen: ServeCredentials,
): Promise<void> {
  const { deps, screen } = invocation;
  const url = reachableUrl(service.url);
  try {
    const credentials = service.users?.own === "kept" ? "as stored" : chosen.isGiven ? null : chosen.credentials;
    const profile = await writeServeProfile(deps, {
      ...{ url, portLock: service.portLock, database: databaseName(database), databaseId: service.databaseId },
      ...{ authParameter, bodyNames, credentials },
    });
    if (chosen.generated !== null)
      screen.info(`first run: created a user and an API key, stored in ${settingsPath(deps.paths.config)}`);
    if (profile.name !== profile.current) {
      const done = profile.isNew ? "created" : "updated";
      screen.info(
        `${done} the profile ${profile.name}; the current profile is ${profile.current} (--profile ${profile.name} uses this one)`,
      );
    }
  } catch (error) {
    // A container's settings folder may be read-only.
    screen.info(`warning: the service's profile couldn't be written: ${error instanceof Error ? error.message : error}`);
  }
  if (service.portFailure !== null) {
    const danger = "a program that takes the port while the service is stopped gets the credentials that commands send there";
    screen.info(`warning: ${service.portFailure}: ${danger}`);
  }
  for (const line of describeUsers(service.users, chosen.credentials)) screen.info(line);
  if (trustedProxies.length === 0) warnOfClearText(invocation, "http:", host);
}

/** stdout comes last: scripts that wait for it find the settings written. */
async function announceStart(invocation: Invocation, service: RunningService, options: ServeOptions): Promise<void> {
  const { screen } = invocation;
  warnOfOpenDatabase(invocation, options.database);
  warnOfClearDatabase(invocation, service.clearTextHost);
  for (const line of describeStart(service, options, reachableUrl(service.url))) screen.info(line);
  await screen.out(text`Listening on ${service.url}\n`);
}

function describeUsers(users: RunningService["users"], { username, password, apiKey }: ServiceCredentials): readonly string[] {
  if (users === null) return [];
  const { removed, own } = users;
  const lines =
    removed.length === 0 ? [] : [`removed ${removed.join(", ")}, made by an earlier start: ${username} is the user now`];
  if (own === "changed") lines.push(`replaced the password or the API key of ${username}, made by an earlier start`);
  if (own === "kept") {
    lines.push(
      `warning: ${username} was added or changed with \`whcb users\`, so it keeps its password and API key: not this start's`,
    );
    return lines;
  }
  const secrets = [["password", password, "WHCB_PASSWORD"] as const, ["API key", apiKey, "WHCB_API_KEY"] as const];
  for (const [what, secret, variable] of secrets) {
    if (!isShortSecret(secret)) continue;
    lines.push(
      `warning: the ${what} of ${username} has fewer than ${MIN_SECRET_LENGTH} characters and can be guessed: set a longer ${variable}`,
    );
  }
  return lines;
}

/** Returns a URL for this machine if the service is bound to all addresses. */
function reachableUrl(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}
