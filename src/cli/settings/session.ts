import { access } from "node:fs/promises";
import type { Client, ListedCallback } from "../../client/client.js";
import type { OwnDatabase } from "../../client/service-api.js";
import { isCompletionOf, isIdPrefix } from "../../domain/call.js";
import { callbackOperand, commandLine, shellQuote } from "../../domain/command-line.js";
import { type Advice, advise, isWhcbError, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { DeliverySettings } from "../../wire/delivery-settings.js";
import { closestMatch } from "../args/closest-match.js";
import type { Invocation } from "../args/command-spec.js";
import { SINCE, UNTIL } from "../args/filter-flags.js";
import { PROFILE, SERVICE, VERBOSE } from "../args/shared-flags.js";
import { ambiguousBeginning } from "../args/short-ids.js";
import type { HttpTarget, ServiceTarget } from "../cli-deps.js";
import type { Screen } from "../output/screen.js";
import { warnOfOpenFile } from "./open-files.js";
import { type ResolvedSettings, resolveSettings, toServiceTarget } from "./resolve-settings.js";
import { addressText } from "./service-address.js";
import { readSettings, settingsPath } from "./settings-file.js";

export interface Session {
  readonly client: Client;
  readonly target: ServiceTarget;
  readonly settings: ResolvedSettings;
  /** A command that is suggested has them, so that it is for this service. */
  readonly serviceFlags: readonly string[];
}

/** A person who looks at a screen waits so long for one answer. */
export const SCREEN_PATIENCE_MS = 15_000;

type RequestRules = Pick<HttpTarget, "retriesRefused" | "readPatienceMs">;

export async function withSession<Result>(
  invocation: Invocation,
  use: (session: Session) => Promise<Result>,
  rules: RequestRules = {},
): Promise<Result> {
  return withService(invocation, await resolveInvocation(invocation), use, rules);
}

export async function withService<Result>(
  invocation: Invocation,
  settings: ResolvedSettings,
  use: (session: Session) => Promise<Result>,
  rules: RequestRules = {},
): Promise<Result> {
  const { args, deps } = invocation;
  const target = toServiceTarget(settings, exchangeLog(invocation));
  if (target.kind === "file") await requireDatabaseFile(target.path);
  const isByDate = args.get(SINCE) !== undefined || args.get(UNTIL) !== undefined;
  const onListed = isByDate ? (await import("./warn-of-dates.js")).watchDates(invocation, settings.timezone) : undefined;
  try {
    // main/open-http-client.ts, or main/open-file-client.ts for a database file, opens it.
    const { begin: beginWait } = invocation.progress;
    const ownDatabase = ownDatabaseOf(settings, invocation.screen);
    const client = await deps.openClient(
      target.kind === "http" ? { ...target, ...rules, onListed, beginWait, ownDatabase } : target,
    );
    try {
      return await use({ client, target, settings, serviceFlags: invocation.screen.renderOptions.serviceFlags });
    } finally {
      await client.close();
    }
  } catch (error) {
    if (!isWhcbError(error) || target.kind === "file") throw error;
    throw (await import("./service-advice.js")).withSettingsAdvice(error, target.url, settings);
  }
}

/** Another `serve` may have the address of the profile's: what is only shown is said to be of another database, and nothing is changed in it. */
function ownDatabaseOf({ ownDatabase, address }: ResolvedSettings, screen: Screen): OwnDatabase | undefined {
  if (ownDatabase === null || address.value === null) return undefined;
  const { id, profile, database, profiles } = ownDatabase;
  const url = addressText(address.value);
  const shown = database === null ? profile : `${profile} (${database})`;
  const otherError = (otherId: string | null): WhcbError =>
    new WhcbError("config", `another database than that of profile ${shown} answers at ${url}`, adviceFor(otherId));
  function adviceFor(otherId: string | null): Advice {
    const other = otherId === null ? undefined : profiles.get(otherId);
    // The profile that `serve` has written stays that of its database.
    const login = commandLine({ command: "login", operands: [url], flags: database === null ? ["--name", profile] : [] });
    const meant = other === undefined ? `log in to it with \`${login}\`` : `add \`--profile ${shellQuote(other)}\``;
    const serve = database !== null && commandLine({ command: "serve", flags: ["--db", database] });
    return { hint: `if you mean that one, ${meant}; else ${serve ? `start \`${serve}\`` : "check where that address leads"}` };
  }
  const onOther = (otherId: string): void => {
    const { message, hint } = otherError(otherId);
    screen.info(`warning: ${message}`);
    screen.info(`hint: ${hint}`);
  };
  return { id, otherError, onOther };
}

/** Shows each request and answer with --verbose. */
export function exchangeLog({ args, screen }: Invocation): ((line: string) => void) | undefined {
  return args.get(VERBOSE) ? (line) => screen.info(screen.errPalette.dim(line)) : undefined;
}

/** Takes the service's own, as its replays and a client's have to be the same, and the profile's for a service that doesn't say. */
export async function deliverySettings({ client, settings }: Session): Promise<DeliverySettings> {
  const { authParameter, bodyNames } = settings;
  return { authParameter: authParameter.value, bodyNames: bodyNames.value, ...(await client.deliverySettings()) };
}

export async function resolveInvocation(invocation: Invocation): Promise<ResolvedSettings> {
  const { deps, args } = invocation;
  const settings = await readSettings(deps.paths.config);
  warnOfOpenFile(invocation, settingsPath(deps.paths.config));
  return resolveSettings({
    flags: { profile: args.get(PROFILE), service: args.get(SERVICE) },
    env: deps.io.env,
    settings,
  });
}

/** Returns the callback that is typed first, else the profile's default, or null if there is neither. */
export async function findNamedCallback({ args }: Invocation, session: Session): Promise<ListedCallback | null> {
  const name = args.operands[0] ?? session.settings.callback.value;
  return name === null ? null : findCallback(session, name);
}

/** Finds it by id, name or the beginning of an id. Throws `usage` if several begin so, `not-found` with the closest name as its hint. */
export async function findCallback({ client, serviceFlags: flags }: Session, idOrName: string): Promise<ListedCallback> {
  try {
    return await client.getCallback(idOrName);
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    const callbacks = await client.listCallbacks();
    const started = callbacks.map(({ id }) => id).filter((id) => isIdPrefix(idOrName) && isCompletionOf(id, idOrName));
    const [only, another] = started;
    if (another !== undefined) throw ambiguousBeginning("callbacks", idOrName, { callIds: started, hasMore: false });
    if (only !== undefined) return client.getCallback(only);
    const words = callbacks.map((callback) => shellQuote(callbackOperand(callback)));
    const names = callbacks.map(({ name }) => name);
    const match = closestMatch(idOrName, names);
    const meant = match === null ? undefined : words[names.indexOf(match)];
    const create = { command: commandLine({ command: "callbacks create", flags }), when: "to create one" };
    const list = { command: commandLine({ command: "callbacks list", flags }), when: "to see them" };
    const advice =
      meant !== undefined
        ? { hint: `did you mean ${meant}?` }
        : words.length === 0
          ? advise`there are none yet; create one with ${create}`
          : words.length <= 8
            ? { hint: `there are: ${words.join(", ")}` }
            : advise`see ${list}`;
    throw new WhcbError("not-found", `no callback ${JSON.stringify(idOrName)}`, { ...advice, cause: error });
  }
}

/** Throws `config` if it is missing or unreadable. */
export async function requireDatabaseFile(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    const isMissing = systemErrorCode(error) === "ENOENT";
    const command = commandLine({ command: "serve", flags: ["--db", path] });
    throw new WhcbError("config", isMissing ? `no database at ${path}` : `the database ${path} can't be read`, {
      ...(isMissing ? advise`create it with ${{ command, when: "to create it" }}` : { hint: "check its owner and permissions" }),
      cause: error,
    });
  }
}
