/** A command's connection to its service: settings resolved, client opened, closed at the end whatever happens. */
import { access } from "node:fs/promises";
import type { Client, ListedCallback } from "../../client/client.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { closestMatch } from "../args/closest-match.js";
import { PROFILE, SERVICE, VERBOSE } from "../args/shared-flags.js";
import type { ServiceTarget } from "../cli-deps.js";
import type { Invocation } from "../invocation.js";
import { withHint } from "../output/render-error.js";
import { type ResolvedSettings, resolveSettings, toServiceTarget } from "./resolve-settings.js";
import { isExposed, readSettings, settingsPath } from "./settings-file.js";

export interface Session {
  readonly client: Client;
  readonly target: ServiceTarget;
  readonly settings: ResolvedSettings;
}

/** Runs `use` with the service that flags, environment and profile name. Throws what it throws, with a hint where one helps. */
export async function withSession<Result>(invocation: Invocation, use: (session: Session) => Promise<Result>): Promise<Result> {
  const settings = await resolveInvocation(invocation);
  const { screen, args, deps } = invocation;
  const onExchange = args.get(VERBOSE) ? (line: string) => screen.info(line, screen.errPalette.dim) : undefined;
  const target = toServiceTarget(settings, onExchange);
  if (target.kind === "file") await requireFile(target.path);
  try {
    const client = await deps.openClient(target);
    try {
      return await use({ client, target, settings });
    } finally {
      await client.close();
    }
  } catch (error) {
    throw isWhcbError(error) ? explain(error, target, settings) : error;
  }
}

export async function resolveInvocation({ deps, args, screen }: Invocation): Promise<ResolvedSettings> {
  const settings = await readSettings(deps.paths.config);
  if (await isExposed(deps.paths.config)) {
    screen.info(`warning: others may read ${settingsPath(deps.paths.config)}; run chmod 600 on it`);
  }
  return resolveSettings({
    flags: { profile: args.get(PROFILE), service: args.get(SERVICE) },
    env: deps.io.env,
    settings,
  });
}

/** The callback of this id or name; where there is none, the error says which was probably meant. */
export async function findCallback(client: Client, idOrName: string): Promise<ListedCallback> {
  try {
    return await client.getCallback(idOrName);
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    const names = (await client.listCallbacks()).map(({ name }) => name);
    const meant = closestMatch(idOrName, names);
    const hint =
      meant !== null
        ? `did you mean ${meant}?`
        : names.length === 0
          ? "there are none yet: `whcb callbacks create` makes one"
          : names.length <= 8
            ? `there are: ${names.join(", ")}`
            : "`whcb callbacks list` shows them";
    throw new WhcbError("not-found", `no callback ${JSON.stringify(idOrName)}`, { hint, cause: error });
  }
}

async function requireFile(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new WhcbError("config", isMissing ? `no database at ${path}` : `the database ${path} can't be read`, {
      hint: isMissing ? `\`whcb serve --db ${path}\` makes one` : "look at its owner and mode",
      cause: error,
    });
  }
}

function explain(error: WhcbError, target: ServiceTarget, settings: ResolvedSettings): WhcbError {
  if (target.kind !== "http") return error;
  const origin = new URL(target.url).origin;
  if (error.code === "network") {
    const isHere = /^https?:\/\/(127\.|localhost|\[::1\])/.test(origin);
    return withHint(
      error,
      isHere
        ? "is it running? start it with `whcb serve`"
        : `is ${origin} right (from ${settings.address.from}), and can it be reached?`,
    );
  }
  const { username, password, apiKey } = settings;
  if (error.code === "unauthenticated") {
    const from = username.from === password.from ? username.from : `${username.from} and ${password.from}`;
    return withOwnHint(error, `user and password came from ${from}: ${mendCredentials(origin, username.from, password.from)}`);
  }
  if (error.code === "forbidden")
    return withOwnHint(error, `the API key came from ${apiKey.from}: ${mendCredentials(origin, apiKey.from)}`);
  return error;
}

/** Where the credentials came from is known only here, so this hint is better than the client's. */
function withOwnHint(error: WhcbError, hint: string): WhcbError {
  return new WhcbError(error.code, error.message, { hint, cause: error });
}

/** A login changes nothing while the environment says otherwise. */
function mendCredentials(origin: string, ...sources: readonly string[]): string {
  const variables = sources.filter((source) => source.startsWith("WHCB_"));
  return variables.length > 0 ? `mend or unset ${variables.join(" and ")}` : `\`whcb login ${origin}\` keeps new ones`;
}
