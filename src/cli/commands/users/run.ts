import { WhcbError } from "../../../domain/errors.js";
import { toIsoDate } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { readAll, withoutLineEnd } from "../../args/flag-values.js";
import type { User } from "../../cli-deps.js";
import { renderFields } from "../../output/cells.js";
import { type Json, type USER_FIELDS, writeJson } from "../../output/json-fields.js";
import { type ListingStyle, openListing } from "../../output/listing.js";
import { askSecret, confirm } from "../../output/questions.js";
import { namingDatabase, openDatabase } from "../../settings/database-path.js";
import { requireValidCredentials } from "../../settings/resolve-settings.js";
import type { UsersFlags } from "./command.js";

export async function listUsers(invocation: Invocation<UsersFlags["list"]>): Promise<void> {
  const { values, screen } = invocation;
  await using database = await openDatabase(invocation);
  const { admin, path } = database;
  const listing = openListing(USER_LISTING, screen, values.columns);
  await listing.add(await admin.listUsers());
  if ((await listing.end()) === 0) screen.info(`no users in ${path}; \`whcb users add\` and \`whcb serve\` add one`);
}

export async function addUser(invocation: Invocation<UsersFlags["add"]>): Promise<void> {
  const username = readUsername(invocation);
  await using database = await openDatabase(invocation);
  const { admin, path } = database;
  const apiKey = await admin.addUser(username, await readNewPassword(invocation, username));
  await showKey(invocation, username, apiKey);
  invocation.screen.info(`added the user ${username} to ${path}; the API key isn't shown again`);
}

export async function removeUser(invocation: Invocation<UsersFlags["remove"]>): Promise<void> {
  const { screen } = invocation;
  const username = readUsername(invocation);
  await using database = await openDatabase(invocation);
  const { admin, path } = database;
  const found = (await admin.listUsers()).find((user) => user.username === username);
  const question = `Remove the user ${username} of ${path}? The password, the API key and all tokens stop working.`;
  if (found !== undefined && !(await confirm(namingDatabase(invocation, path), question))) return;
  await admin.removeUser(username);
  const again = found?.origin === "start" ? "; a start of `whcb serve` with the same credentials adds it again" : "";
  screen.info(`removed the user ${username} of ${path}${again}`);
}

export async function changePassword(invocation: Invocation<UsersFlags["passwd"]>): Promise<void> {
  const { values, screen } = invocation;
  const username = readUsername(invocation);
  await using database = await openDatabase(invocation);
  const { admin, path } = database;
  const password = await readNewPassword(invocation, username);
  const apiKey = await admin.changePassword(username, password, values.newKey);
  if (apiKey !== null) await showKey(invocation, username, apiKey);
  const key = apiKey === null ? "" : " and the API key, which isn't shown again";
  screen.info(`changed the password of ${username}${key}, in ${path}; all tokens and sessions have ended`);
}

const LONGEST_NAME = 64;

function readUsername({ args }: Invocation): string {
  const username = args.operand(0);
  if (username.trim() === username && username !== "" && username.length <= LONGEST_NAME) return username;
  throw new WhcbError("usage", `a user's name has 1 to ${LONGEST_NAME} characters, without spaces around it`);
}

/** The password is never a process argument. Throws `config` without one. */
async function readNewPassword({ values, deps, screen }: Invocation<UsersFlags["add"]>, username: string): Promise<string> {
  const password = await readPassword();
  if (password === "") {
    throw new WhcbError("config", `a password for ${username} is needed`, {
      hint: "type it on a terminal, set WHCB_NEW_PASSWORD, or pipe it in with --password-stdin",
    });
  }
  requireValidCredentials({ username, password, apiKey: "" });
  return password;

  async function readPassword(): Promise<string> {
    if (values.passwordStdin) return withoutLineEnd(await readAll(deps.io.stdin));
    const given = deps.io.env.WHCB_NEW_PASSWORD ?? "";
    if (given !== "" || !screen.canAsk) return given;
    const typed = await askSecret(deps.io, `New password of ${username}:`);
    if (typed !== "" && (await askSecret(deps.io, "Again:")) !== typed) {
      throw new WhcbError("usage", "the two passwords differ; nothing was changed");
    }
    return typed;
  }
}

async function showKey({ screen }: Invocation, username: string, apiKey: string): Promise<void> {
  const { palette } = screen.renderOptions;
  const fields = [["User", username] as const, ["API key", apiKey] as const];
  if (screen.format === "json") await writeJson({ username, apiKey }, screen);
  else await screen.out(renderFields(fields, palette));
}

const USER_LISTING: ListingStyle<User> = {
  columns: [
    { key: "username", title: "USER", value: ({ username }) => username, least: 12 },
    { key: "origin", title: "ORIGIN", value: ({ origin }) => origin },
    { key: "saved", title: "CHANGED", value: ({ savedAt }) => savedAt, kind: "instant", dropRank: 2 },
  ],
  toJson: ({ username, origin, savedAt }): Json<typeof USER_FIELDS> => ({ username, origin, changedAt: toIsoDate(savedAt) }),
  toId: ({ username }) => username,
};
