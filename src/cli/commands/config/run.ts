import { commandLine } from "../../../domain/command-line.js";
import { advise, errorMessage, isWhcbError, WhcbError } from "../../../domain/errors.js";
import { maskKey, parseUrl } from "../../../domain/mask.js";
import { parseBodyNames, parseParameterName } from "../../../wire/delivery-settings.js";
import { requireOneOf } from "../../args/closest-match.js";
import type { Invocation } from "../../args/command-spec.js";
import { parseRate, readAll, withoutLineEnd } from "../../args/flag-values.js";
import { type SETTING_FIELDS, writeJson } from "../../output/json-fields.js";
import { askSecret } from "../../output/questions.js";
import { joinText, sanitize, text } from "../../output/screen-text.js";
import { warnOfClearText } from "../../settings/clear-text-warning.js";
import {
  credentialsOrigin,
  findProfile,
  type ResolvedSettings,
  resolveSettings,
  type Sourced,
} from "../../settings/resolve-settings.js";
import { addressText, readServiceAddress } from "../../settings/service-address.js";
import { findCallback, resolveInvocation, withService } from "../../settings/session.js";
import {
  changeSettings,
  type Profile,
  readSettings,
  SETTABLE,
  type Settable,
  type Settings,
  settingsPath,
} from "../../settings/settings-file.js";

export async function getConfig(invocation: Invocation): Promise<void> {
  const { args, screen } = invocation;
  const shown = describeSettings(await resolveInvocation(invocation));
  const [given] = args.operands;
  const names = shown.map(({ name }) => name);
  const wanted = given === undefined ? names : [settingName(given, names)];
  const picked = shown.filter(({ name }) => wanted.includes(name));
  if (screen.format === "json") {
    await writeJson(Object.fromEntries(picked.map(({ name, value, from }) => [name, { value, from }])), screen);
    return;
  }
  const { dim } = screen.renderOptions.palette;
  const { default: stringWidth } = await import("string-width");
  const pad = (word: string, width: number) => word + " ".repeat(width - stringWidth(word));
  const rows = picked.map(({ name, value, from }) => ({ name, value: sanitize(value ?? "-"), from }));
  const nameWidth = Math.max(...rows.map(({ name }) => stringWidth(name)));
  const valueWidth = Math.max(...rows.map(({ value }) => stringWidth(value)));
  const lines = rows.map(
    ({ name, value, from }) => text`${dim(pad(name, nameWidth))}  ${pad(value, valueWidth)}  ${dim(from)}\n`,
  );
  await screen.out(
    screen.format === "tsv"
      ? joinText(picked.map(({ name, value, from }) => text`${name}\t${value ?? ""}\t${from}\n`))
      : joinText(lines),
  );
}

export async function setConfig(invocation: Invocation): Promise<void> {
  const { args, deps, screen } = invocation;
  const [nameGiven, textGiven] = [args.operand(0), args.operand(1)];
  const name = settingName(nameGiven, SETTABLE);
  const isSecret = name === "password" || name === "apiKey";
  if (isSecret && textGiven !== "-" && textGiven !== "") {
    const command = commandLine({ command: "config set", operands: [name, "-"], flags: screen.renderOptions.serviceFlags });
    const set = { command, when: "to be asked for it, or to give it on stdin" };
    const message = `${name} can't be given in the command line, where other users could read it`;
    throw new WhcbError("usage", message, advise`type ${set} (it is read from a prompt, or from stdin)`);
  }
  const text = textGiven === "-" ? await readValue(invocation, name) : textGiven;
  if (name === "allowNetwork") await checkNetworks(text);
  const { profile } = await resolveInvocation(invocation);
  const profileName = profile.value;
  if (profileName === null) {
    const login = { command: "whcb login", when: "to create one" };
    throw new WhcbError("config", "there is no profile to change", advise`create one with ${login}`);
  }
  const settings = await readSettings(deps.paths.config);
  const before = findProfile(settings, profileName);
  const unchecked = name === "callback" && text !== "" ? await checkCallback(invocation, settings, profileName, text) : null;
  const { profiles } = await changeSettings(deps, (settings) => {
    const changed = changeProfile(findProfile(settings, profileName), name, text);
    return { ...settings, profiles: new Map(settings.profiles).set(profileName, changed) };
  });
  screen.info(`${name} of profile ${profileName} is ${text === "" ? "removed" : "set"}`);
  if (unchecked !== null) screen.info(`warning: it wasn't checked: ${unchecked}`);
  const after = profiles.get(profileName);
  const url = name === "url" && after !== undefined ? parseUrl(after.url) : null;
  if (url !== null) warnOfClearText(invocation, url.protocol, url.hostname);
  if (url !== null && after?.credentialsOrigin !== undefined) {
    screen.info(
      `its credentials belong to ${after.credentialsOrigin} and are not sent to ${after.url}: store new ones with \`${commandLine({ command: "login", operands: [after.url], flags: ["--name", profileName] })}\``,
    );
  } else if (before.credentialsOrigin !== undefined && after?.credentialsOrigin === undefined && name !== "url")
    screen.info(`removed the credentials for ${before.credentialsOrigin}`);
}

export async function printPath({ deps, screen }: Invocation): Promise<void> {
  await screen.out(text`${settingsPath(deps.paths.config)}\n`);
}

/** Throws `not-found` for an unknown callback. Returns why it couldn't be checked, or null. */
async function checkCallback(
  invocation: Invocation,
  settings: Settings,
  profileName: string,
  idOrName: string,
): Promise<string | null> {
  const service = findProfile(settings, profileName).url;
  try {
    const resolved = resolveSettings({ flags: { profile: profileName, service }, env: invocation.deps.io.env, settings });
    await withService(invocation, resolved, (session) => findCallback(session, idOrName));
    return null;
  } catch (error) {
    if (isWhcbError(error, "not-found") || !isWhcbError(error)) throw error;
    return error.message;
  }
}

/** An empty text removes the setting. */
function changeProfile(before: Profile, name: Settable, text: string): Profile {
  if (name === "url") {
    const address = readServiceAddress(text, "url");
    const owner = credentialsOrigin(before);
    const { credentialsOrigin: _o, ...rest } = before;
    const isOwner = owner === null || (address.kind === "http" && address.origin === owner);
    const url = addressText(address);
    return { ...rest, url, ...(isOwner ? {} : { credentialsOrigin: owner }) };
  }
  const { [name]: _removed, ...rest } = isCredential(name) ? withoutForeignCredentials(before) : before;
  if (text === "") return rest;
  switch (name) {
    case "rate":
      return { ...rest, rate: readSetting(name, text, parseRate) };
    case "country":
      return { ...rest, country: readCountry(text) };
    case "authParameter":
      return { ...rest, authParameter: readSetting(name, text, parseParameterName) };
    case "bodyNames":
      return { ...rest, bodyNames: readSetting(name, text, parseBodyNames) };
    case "timezone":
      return { ...rest, timezone: readZone(text) };
    default:
      return { ...rest, [name]: text };
  }
}

function isCredential(name: Settable): boolean {
  return name === "username" || name === "password" || name === "apiKey";
}

/** Credentials of different origins aren't mixed. */
function withoutForeignCredentials(profile: Profile): Profile {
  if (profile.credentialsOrigin === undefined) return profile;
  const { username: _u, password: _p, apiKey: _k, credentialsOrigin: _o, ...rest } = profile;
  return rest;
}

interface ShownSetting {
  readonly name: keyof typeof SETTING_FIELDS;
  readonly value: string | null;
  readonly from: string;
}

function describeSettings(settings: ResolvedSettings): readonly ShownSetting[] {
  const { address } = settings;
  const url = address.value === null ? null : addressText(address.value);
  const plain = (name: ShownSetting["name"], setting: Sourced<string | null>): ShownSetting => ({ name, ...setting });
  const secret = (
    name: ShownSetting["name"],
    { value, from }: Sourced<string | null>,
    mask: (secret: string) => string,
  ): ShownSetting => ({
    name,
    value: value === null ? null : mask(value),
    from,
  });
  return [
    plain("profile", settings.profile),
    { name: "url", value: url, from: address.from },
    plain("username", settings.username),
    // The end of a long random key tells keys apart; a password may be a chosen word.
    secret("password", settings.password, () => "••••"),
    secret("apiKey", settings.apiKey, (key) => maskKey({ type: null, key })),
    plain("callback", settings.callback),
    plain("timezone", settings.timezone),
    plain("country", settings.country),
    plain("authParameter", settings.authParameter),
    plain("bodyNames", settings.bodyNames),
    plain("allowNetwork", settings.allowNetwork),
    { name: "rate", value: settings.rate.value === null ? "no limit" : `${settings.rate.value}/s`, from: settings.rate.from },
  ];
}

async function readValue({ deps, screen }: Invocation, name: string): Promise<string> {
  const text = screen.canAsk ? await askSecret(deps.io, `${name}:`) : await readAll(deps.io.stdin);
  return withoutLineEnd(text);
}

/** `parse` throws an Error that says what the text must be. */
function readSetting<Value>(name: Settable, text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text);
  } catch (error) {
    throw new WhcbError("usage", `${name}: ${JSON.stringify(text)} ${errorMessage(error)}`);
  }
}

function readCountry(text: string): string {
  const country = text.toUpperCase();
  if (/^[A-Z]{2}$/.test(country)) return country;
  throw new WhcbError("usage", `country: ${JSON.stringify(text)} must be a code of two letters, such as "AU"`);
}

/** Throws `usage`. Only this setting needs the parser of addresses. */
async function checkNetworks(text: string): Promise<void> {
  const { publicAddressRule } = await import("../../../delivery/address-rule.js");
  if (text !== "") publicAddressRule(text.split(","));
}

/** Throws `usage`, also for an abbreviation: BST is London's in summer, and Asia/Dhaka to Intl. */
function readZone(text: string): string {
  try {
    if (!/^UTC$|[/+-]/i.test(text)) throw new RangeError("abbreviated");
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    const rule = 'must be the full name of a time zone, such as "Australia/Sydney" or "UTC"';
    throw new WhcbError("usage", `timezone: ${JSON.stringify(text)} ${rule}`, { cause: error });
  }
}

function settingName<Name extends string>(given: string, names: readonly Name[]): Name {
  return requireOneOf(given, names, `no setting ${JSON.stringify(given)}`);
}
