import { mkdir, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatDuration, spellDuration } from "../../../domain/duration.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { ServiceSettings } from "../../../domain/service-settings.js";
import { newSecret } from "../../../platform/random.js";
import { DEFAULT_AUTH_PARAMETER } from "../../../wire/delivery-request.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Credentials, RunningService, ServeOptions } from "../../cli-deps.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import { text } from "../../output/screen-text.js";
import { DATABASE_NAME, databaseName, readDatabase, withoutPassword } from "../../settings/database-path.js";
import { requireValidCredentials } from "../../settings/resolve-settings.js";
import { writeServeProfile } from "../../settings/serve-profile.js";
import { changeSettings, readSettings, settingsPath } from "../../settings/settings-file.js";
import {
  ALLOW_HOST,
  ALLOW_NETWORK,
  AUTH_PARAMETER,
  DB,
  HOST,
  LOG_LEVEL,
  MAIL_DIR,
  METRICS_PORT,
  NO_DISPATCH,
  NO_ENDPOINT_CHECK,
  NO_JITTER,
  PLAN,
  PORT,
  RETAIN_FAILED,
  RETAIN_MAIL,
  RETAIN_SUCCESS,
  RETRY_INTERVAL,
  RETRY_WINDOW,
  SMTP,
  TRUST_PROXY,
} from "./command.js";

export async function run(invocation: Invocation): Promise<number> {
  const { deps, screen } = invocation;
  // Wrong flags fail before credentials are generated.
  readServeOptions(invocation, { username: "", password: "", apiKey: "" });
  const chosen = await chooseCredentials(invocation);
  requireValidCredentials(chosen.credentials);
  const options = readServeOptions(invocation, chosen.credentials);
  const created = await mkdir(deps.paths.data, { recursive: true, mode: 0o700 }).catch(() => undefined);
  let interrupts = 0;
  let service: RunningService | null = null;
  const stopListening = deps.io.onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) return deps.io.exitNow(EXIT_INTERRUPTED);
    if (service === null) return;
    screen.info("stopping once the attempts in flight have finished; Ctrl-C again stops at once");
    stop(service);
  });
  try {
    service = await startService(invocation, options).catch(async (error: unknown) => {
      if (created !== undefined) await rmdir(deps.paths.data).catch(() => undefined);
      throw error;
    });
    try {
      await storeCredentials(invocation, chosen);
      await announce(invocation, service, options, chosen);
    } catch (error) {
      await service.stop().catch(() => undefined);
      throw error;
    }
    if (interrupts > 0) stop(service);
    await service.stopped;
    // Throws what failed, such as recording the last outcomes.
    await service.stop();
    return 0;
  } finally {
    stopListening();
  }
}

/** `run` waits for the end and reports errors. */
function stop(service: RunningService): void {
  service.stop().catch(() => undefined);
}

async function startService({ deps }: Invocation, options: ServeOptions): Promise<RunningService> {
  try {
    return await deps.startService(options);
  } catch (error) {
    if (isWhcbError(error)) throw error;
    const code = error instanceof Error && "code" in error ? error.code : "";
    // The metrics' port may be the one that is taken.
    const port = error instanceof Error && "port" in error ? error.port : options.port;
    if (code === "EADDRINUSE") {
      throw new WhcbError("unavailable", `port ${port} of ${options.host} is taken`, {
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

/** stdout comes last: scripts that wait for it find the settings written. */
async function announce(
  { deps, screen }: Invocation,
  service: RunningService,
  { database, authParameter }: ServeOptions,
  chosen: ServeCredentials,
): Promise<void> {
  const url = reachableUrl(service.url);
  try {
    const credentials = service.users.own === "kept" ? "as stored" : chosen.isGiven ? null : chosen.credentials;
    const profile = await writeServeProfile(deps.paths.config, {
      ...{ url, database: databaseName(database), authParameter, credentials },
    });
    if (chosen.isNew) screen.info(`first run: created a user and an API key, stored in ${settingsPath(deps.paths.config)}`);
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
  for (const line of describeUsers(service.users, chosen.credentials.username)) screen.info(line);
  screen.info(describeSettings(service.settings));
  if (service.metricsUrl !== null) screen.info(`metrics without credentials on ${service.metricsUrl}`);
  await screen.out(text`Listening on ${service.url}\n`);
}

function describeUsers({ removed, own }: RunningService["users"], username: string): readonly string[] {
  const lines =
    removed.length === 0 ? [] : [`removed ${removed.join(", ")}, made by an earlier start: ${username} is the user now`];
  if (own === "changed") lines.push(`replaced the password or the API key of ${username}, made by an earlier start`);
  if (own === "kept") {
    lines.push(
      `warning: ${username} was added or changed with \`whcb users\`, so it keeps its password and API key: not this start's`,
    );
  }
  return lines;
}

function describeSettings(settings: ServiceSettings): string {
  const retries = `retries about every ${spellDuration(settings.intervalMs)} for ${spellDuration(settings.windowMs)}`;
  const { retainSuccessMs, retainFailedMs, retainMailMs } = settings;
  const [success, failed, mail] = [retainSuccessMs, retainFailedMs, retainMailMs].map(formatDuration);
  return `${retries}; keeps SUCCESS calls ${success}, FAILED calls ${failed}, e-mails ${mail}`;
}

/** For this machine, if bound to all addresses. */
function reachableUrl(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

interface ServeCredentials {
  readonly credentials: Credentials;
  readonly isNew: boolean;
  /** All from the environment, so not stored. */
  readonly isGiven: boolean;
  readonly generated: Credentials | null;
}

/** From the environment or an earlier run, else generated. */
async function chooseCredentials({ deps }: Invocation): Promise<ServeCredentials> {
  const { env } = deps.io;
  const given = { username: env.WHCB_USERNAME || null, password: env.WHCB_PASSWORD || null, apiKey: env.WHCB_API_KEY || null };
  if (given.username !== null && given.password !== null && given.apiKey !== null) {
    return {
      credentials: { username: given.username, password: given.password, apiKey: given.apiKey },
      isNew: false,
      isGiven: true,
      generated: null,
    };
  }
  const stored = (await readSettings(deps.paths.config)).serve;
  const base = stored ?? { username: "local", password: newSecret(deps.random), apiKey: newSecret(deps.random) };
  const credentials = {
    username: given.username ?? base.username,
    password: given.password ?? base.password,
    apiKey: given.apiKey ?? base.apiKey,
  };
  return { credentials, isNew: stored === null, isGiven: false, generated: stored === null ? base : null };
}

/** After the start: a failed one leaves no settings. Throws `config`. */
async function storeCredentials({ deps }: Invocation, { generated }: ServeCredentials): Promise<void> {
  if (generated !== null) await changeSettings(deps.paths.config, (settings) => ({ ...settings, serve: generated }));
}

/** Throws `usage` for a flag with a password. */
function readServeOptions({ args, deps }: Invocation, credentials: Credentials): ServeOptions {
  const { env } = deps.io;
  const mailDirectory = args.get(MAIL_DIR);
  return {
    port: args.get(PORT),
    host: args.get(HOST),
    database: readDatabase(args.get(DB), env.WHCB_DB) ?? join(deps.paths.data, DATABASE_NAME),
    dataDirectory: deps.paths.data,
    settings: withoutUndefined({
      intervalMs: args.get(RETRY_INTERVAL),
      windowMs: args.get(RETRY_WINDOW),
      retainSuccessMs: args.get(RETAIN_SUCCESS),
      retainFailedMs: args.get(RETAIN_FAILED),
      retainMailMs: args.get(RETAIN_MAIL),
    }),
    jitter: !args.get(NO_JITTER),
    smtp: toSmtp(withoutPassword(args.get(SMTP), "--smtp", "WHCB_SMTP") ?? env.WHCB_SMTP),
    mailDirectory: mailDirectory === undefined ? null : resolve(mailDirectory),
    plan: args.get(PLAN) ?? null,
    authParameter: args.get(AUTH_PARAMETER) ?? DEFAULT_AUTH_PARAMETER,
    endpointCheck: !args.get(NO_ENDPOINT_CHECK),
    dispatch: !args.get(NO_DISPATCH),
    allowNetworks: args.get(ALLOW_NETWORK) ?? [],
    trustedProxies: args.get(TRUST_PROXY) ?? [],
    allowHosts: args.get(ALLOW_HOST) ?? [],
    metricsPort: args.get(METRICS_PORT) ?? null,
    credentials,
    secretKey: env.WHCB_SECRET_KEY ?? "",
    logLevel: args.get(LOG_LEVEL),
  };
}

function toSmtp(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  if (!/^smtps?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new WhcbError("usage", "the mail server must be an smtp:// or smtps:// URL", {
      hint: "write it like smtp://mail.example.com:587",
    });
  }
  return text;
}

function withoutUndefined(settings: { [Name in keyof ServiceSettings]: number | undefined }): Partial<ServiceSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
