import { WhcbError } from "../../../domain/errors.js";
import { maskKey } from "../../../domain/mask.js";
import { closestMatch } from "../../args/closest-match.js";
import { parseRate } from "../../args/flag-values.js";
import { readAll } from "../../args/read-input.js";
import type { Invocation } from "../../invocation.js";
import { askSecret } from "../../output/questions.js";
import { safeJson, sanitize } from "../../output/sanitize.js";
import type { ResolvedSettings, Sourced } from "../../settings/resolve-settings.js";
import { readServiceAddress } from "../../settings/service-address.js";
import { resolveInvocation } from "../../settings/session.js";
import type { Profile } from "../../settings/settings-file.js";
import { changeSettings, settingsPath } from "../../settings/settings-file.js";

export async function getConfig(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  const shown = describeSettings(await resolveInvocation(invocation));
  const name = args.operands[0];
  const picked = name === undefined ? shown : shown.filter((setting) => setting.name.toLowerCase() === name.toLowerCase());
  if (name !== undefined && picked.length === 0)
    throw unknownName(
      name,
      shown.map((setting) => setting.name),
    );
  if (screen.format === "json") {
    await screen.out(`${safeJson(Object.fromEntries(picked.map(({ name, value, from }) => [name, { value, from }])), 2)}\n`);
    return 0;
  }
  const width = Math.max(...picked.map((setting) => setting.name.length));
  const valueWidth = Math.max(...picked.map(({ value }) => (value ?? "-").length));
  const lines = picked.map(({ name, value, from }) => {
    const plain = sanitize(value ?? "-");
    return `${screen.renderOptions.palette.dim(name.padEnd(width))}  ${plain.padEnd(valueWidth)}  ${screen.renderOptions.palette.dim(from)}\n`;
  });
  await screen.out(
    screen.format === "tsv"
      ? picked.map(({ name, value, from }) => `${name}\t${sanitize(value ?? "")}\t${from}\n`).join("")
      : lines.join(""),
  );
  return 0;
}

const SETTABLE = ["url", "username", "password", "apiKey", "callback", "timezone", "rate"] as const;
type Settable = (typeof SETTABLE)[number];

export async function setConfig(invocation: Invocation): Promise<number> {
  const { args, deps, screen } = invocation;
  const [nameGiven, textGiven] = [args.operand(0), args.operand(1)];
  const name = SETTABLE.find((known) => known.toLowerCase() === nameGiven.toLowerCase());
  if (name === undefined) throw unknownName(nameGiven, SETTABLE);
  const isSecret = name === "password" || name === "apiKey";
  if (isSecret && textGiven !== "-" && textGiven !== "") {
    throw new WhcbError("usage", `${name} isn't taken as a word of the command, where other users could read it`, {
      hint: `write: whcb config set ${name} - (it is read from a prompt, or from stdin)`,
    });
  }
  const text = textGiven === "-" ? await readValue(invocation, name) : textGiven;
  const { profile } = await resolveInvocation(invocation);
  const profileName = profile.value;
  if (profileName === null)
    throw new WhcbError("config", "there is no profile to set this in", { hint: "make one with `whcb login`" });
  await changeSettings(deps.paths.config, (settings) => {
    const before = settings.profiles.get(profileName);
    if (before === undefined) throw new WhcbError("not-found", `no profile ${JSON.stringify(profileName)}`);
    return { ...settings, profiles: new Map(settings.profiles).set(profileName, changeProfile(before, name, text)) };
  });
  screen.info(`${name} of profile ${profileName} is ${text === "" ? "removed" : "set"}`);
  return 0;
}

export async function printPath({ deps, screen }: Invocation): Promise<number> {
  await screen.out(`${settingsPath(deps.paths.config)}\n`);
  return 0;
}

/** The profile with this setting; "" takes it away. A new URL of another origin takes the credentials with it. */
function changeProfile(before: Profile, name: Settable, text: string): Profile {
  if (name === "url") {
    const address = readServiceAddress(text, "url");
    const url = address.kind === "http" ? address.url : address.path;
    const keeps = address.kind === "http" && URL.canParse(before.url) && new URL(before.url).origin === address.origin;
    const { username: _u, password: _p, apiKey: _k, ...rest } = before;
    return keeps ? { ...before, url } : { ...rest, url };
  }
  const { [name]: _removed, ...rest } = before;
  if (text === "") return rest;
  switch (name) {
    case "rate":
      return { ...rest, rate: readRate(text) };
    case "timezone":
      return { ...rest, timezone: readZone(text) };
    default:
      return { ...rest, [name]: text };
  }
}

interface ShownSetting {
  readonly name: string;
  readonly value: string | null;
  readonly from: string;
}

function describeSettings(settings: ResolvedSettings): readonly ShownSetting[] {
  const { address } = settings;
  const url = address.value === null ? null : address.value.kind === "http" ? address.value.url : address.value.path;
  const plain = (name: string, setting: Sourced<string | null>): ShownSetting => ({ name, ...setting });
  const secret = (name: string, { value, from }: Sourced<string | null>, mask: (secret: string) => string): ShownSetting => ({
    name,
    value: value === null ? null : mask(value),
    from,
  });
  return [
    plain("profile", settings.profile),
    { name: "url", value: url, from: address.from },
    plain("username", settings.username),
    // The end of a long key tells keys apart; of a password, which a person may have chosen, nothing is shown.
    secret("password", settings.password, () => "••••"),
    secret("apiKey", settings.apiKey, maskKey),
    plain("callback", settings.callback),
    plain("timezone", settings.timezone),
    { name: "rate", value: settings.rate.value === null ? null : `${settings.rate.value}/s`, from: settings.rate.from },
  ];
}

async function readValue({ deps, screen }: Invocation, name: string): Promise<string> {
  const text = screen.canAsk ? await askSecret(deps.io, `${name}:`) : await readAll(deps.io.stdin);
  return text.replace(/\r?\n$/, "");
}

function readRate(text: string): number {
  try {
    return parseRate(text);
  } catch (error) {
    throw new WhcbError("usage", `rate: ${JSON.stringify(text)} ${error instanceof Error ? error.message : ""}`);
  }
}

function readZone(text: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    throw new WhcbError("usage", `timezone: ${JSON.stringify(text)} is no zone (write "Australia/Sydney" or "UTC")`, {
      cause: error,
    });
  }
}

function unknownName(name: string, known: readonly string[]): WhcbError {
  const meant = closestMatch(name, known);
  return new WhcbError("usage", `no setting ${JSON.stringify(name)}`, {
    hint: `${meant === null ? "" : `did you mean ${meant}? `}there are: ${known.join(", ")}`,
  });
}
