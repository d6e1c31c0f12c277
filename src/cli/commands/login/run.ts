import { basename } from "node:path";
import type { ServiceCredentials } from "../../../client/service-api.js";
import { advise, type ErrorCode, isWhcbError, WhcbError } from "../../../domain/errors.js";
import { isLoopbackHost } from "../../../platform/loopback.js";
import { DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "../../../wire/delivery-settings.js";
import type { Invocation } from "../../args/command-spec.js";
import { PROFILE, SERVICE } from "../../args/shared-flags.js";
import type { ServiceTarget } from "../../cli-deps.js";
import { askSecret, askText, hideTyping } from "../../output/questions.js";
import { warnOfClearText } from "../../settings/clear-text-warning.js";
import { warnOfVariables } from "../../settings/current-profile.js";
import { findProfile } from "../../settings/resolve-settings.js";
import { freeProfileName } from "../../settings/serve-profile.js";
import { addressText, readServiceAddress, type ServiceAddress } from "../../settings/service-address.js";
import { withConnectionAdvice } from "../../settings/service-advice.js";
import { exchangeLog, requireDatabaseFile } from "../../settings/session.js";
import { changeSettings, type Profile, readSettings, type Settings } from "../../settings/settings-file.js";
import type { LoginFlags } from "./command.js";

export async function run(invocation: Invocation<LoginFlags>): Promise<void> {
  const { args, values, deps, screen } = invocation;
  using _typing = screen.canAsk ? hideTyping(deps.io) : null;
  // An unusable file is an error before a password is typed.
  await readSettings(deps.paths.config);
  const address = readServiceAddress(await serviceText(invocation), "the service");
  if (address.kind === "http") {
    const { protocol, hostname } = new URL(address.url);
    warnOfClearText(invocation, protocol, hostname);
  }
  const credentials = address.kind === "http" ? await readCredentials(invocation) : null;
  if (address.kind === "http" && screen.canAsk) await checkAddress(invocation, address.url);
  const target =
    address.kind === "http" && credentials !== null
      ? httpTarget(invocation, address.url, credentials)
      : await fileTarget(addressText(address));
  const databaseId = await verifyTarget(invocation, target);
  const url = addressText(address);
  let name = values.name ?? args.get(PROFILE) ?? "";
  const settings = await changeSettings(deps, (before) => {
    if (name === "") name = profileNameFor(before, address, { databaseId, username: credentials?.username });
    const { username: _u, password: _p, apiKey: _k, ...known }: Partial<Profile> = before.profiles.get(name) ?? {};
    // What answers there now is meant.
    const { credentialsOrigin: _o, databaseId: knownId, database, portLock, ...rest } = known;
    const kept = database !== undefined && isSameOrUnknown(knownId, databaseId) && { database };
    const locked = portLock !== undefined && databaseId === knownId && { portLock };
    const told = databaseId !== null && { databaseId };
    const profiles = new Map(before.profiles).set(name, { ...rest, url, ...kept, ...locked, ...told, ...credentials });
    return { ...before, profiles, current: values.keepCurrent ? before.current : name };
  });
  screen.info(`profile ${name} works with ${url}${settings.current === name ? ", and is the current one" : ""}`);
  if (settings.current === name) warnOfVariables(invocation, name, findProfile(settings, name));
}

async function serviceText({ args, deps, screen }: Invocation): Promise<string> {
  const given = args.operands[0] ?? args.get(SERVICE) ?? deps.io.env.WHCB_URL;
  if (given !== undefined && given !== "") return given;
  if (screen.canAsk) return askText(deps.io, "Service (such as https://api.au.whispir.com):");
  const example = { command: "whcb login https://api.au.whispir.com", when: "for example" };
  throw new WhcbError("usage", "a service is needed: its URL, or a database file", advise`for example, ${example}`);
}

async function readCredentials({ values, deps, screen }: Invocation<LoginFlags>): Promise<ServiceCredentials> {
  const { env } = deps.io;
  const missing: string[] = [];
  const read = async (value: string | undefined, variable: string, ask: () => Promise<string>) => {
    if (value !== undefined && value !== "") return value;
    const typed = screen.canAsk ? (await ask()).trim() : "";
    if (typed === "") missing.push(variable);
    return typed;
  };
  const username = await read(values.username ?? env.WHCB_USERNAME, "WHCB_USERNAME", () => askText(deps.io, "User:"));
  const password = await read(env.WHCB_PASSWORD, "WHCB_PASSWORD", () => askSecret(deps.io, "Password:"));
  const apiKey = await read(env.WHCB_API_KEY, "WHCB_API_KEY", () => askSecret(deps.io, "API key:"));
  if (missing.length > 0) {
    throw new WhcbError("config", `credentials are missing: ${missing.join(", ")}`, {
      hint: screen.canAsk
        ? "type them, or set them in the environment"
        : "set them in the environment: without a terminal nothing can be asked",
    });
  }
  return { username, password, apiKey };
}

/** Expects a rejection without credentials; anything else is an error before a secret is sent. */
async function checkAddress(invocation: Invocation, url: string): Promise<void> {
  try {
    await verifyTarget(invocation, httpTarget(invocation, url, { username: "", password: "", apiKey: "" }));
  } catch (error) {
    if (!isWhcbError(error) || !REJECTIONS.has(error.code)) throw error;
  }
}

const REJECTIONS: ReadonlySet<ErrorCode> = new Set([
  "unauthenticated",
  "forbidden",
  "rate-limited",
  "quota-exceeded",
  "malformed",
]);

/** Returns the database's id, or null if the service doesn't say it. Throws the service's error: bad credentials aren't stored. */
async function verifyTarget({ deps }: Invocation, target: ServiceTarget): Promise<string | null> {
  const client = await deps.openClient(target);
  try {
    await client.verify();
    return target.kind === "http" ? client.databaseId() : null;
  } catch (error) {
    throw target.kind === "http" && isWhcbError(error) ? withConnectionAdvice(error, target.url, "the command line") : error;
  } finally {
    await client.close();
  }
}

async function fileTarget(path: string): Promise<ServiceTarget> {
  await requireDatabaseFile(path);
  return { kind: "file", path, authParameter: DEFAULT_AUTH_PARAMETER, bodyNames: DEFAULT_BODY_NAMES };
}

function httpTarget(invocation: Invocation, url: string, credentials: ServiceCredentials): ServiceTarget {
  return {
    kind: "http",
    url,
    ...credentials,
    rate: null,
    timezone: "UTC",
    onExchange: exchangeLog(invocation),
    beginWait: invocation.progress.begin,
  };
}

/** Never returns the name of the profile of another service or account, or of another database at this address. */
function profileNameFor(
  settings: Settings,
  address: ServiceAddress,
  { databaseId, username }: { databaseId: string | null; username: string | undefined },
): string {
  const url = addressText(address);
  const base = usualProfileName(address);
  const own = [...settings.profiles].filter(
    ([, profile]) =>
      profile.url === url &&
      isSameOrUnknown(profile.databaseId, databaseId) &&
      isSameOrUnknown(profile.username, username ?? null),
  );
  const [known] = own.find(([name]) => name === base) ?? own[0] ?? [];
  return known ?? freeProfileName(settings, base);
}

function isSameOrUnknown(known: string | undefined, told: string | null): boolean {
  return known === undefined || told === null || known === told;
}

function usualProfileName(address: ServiceAddress): string {
  if (address.kind === "file") return basename(address.path).replace(/\.[^.]+$/, "");
  const { hostname } = new URL(address.url);
  const region = /^api\.([a-z0-9]+)\.whispir\.com$/.exec(hostname)?.[1];
  return region ?? (isLoopbackHost(hostname) ? "local" : hostname);
}
