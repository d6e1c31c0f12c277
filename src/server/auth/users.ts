/** The users of a service are described in docs/operations.md, Users. */
import type { Author } from "../../domain/audit/audit-entry.js";
import { commandLine } from "../../domain/command-line.js";
import { advise, WhcbError } from "../../domain/errors.js";
import type { StartUsers } from "../../domain/service-settings.js";
import { isShortSecret, MIN_SECRET_LENGTH, newSecret, type Random } from "../../platform/random.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { Store } from "../../store/open-store.js";
import { hashApiKey, makeCredential, matchesApiKey, verifyPassword } from "./credential-hashes.js";

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface UserDeps {
  readonly credentials: Store["credentials"];
  readonly random: Random;
  readonly author: Author;
}

/** The start's credentials replace those of earlier starts. Equal ones keep their hashes: new ones would end issued tokens. */
export async function admitStartUser(given: Login & { readonly apiKey: string }, deps: UserDeps): Promise<StartUsers> {
  const { credentials, random, author } = deps;
  const stored = await findUser(given.username, credentials);
  const isSame =
    stored !== undefined && matchesApiKey(hashApiKey(given.apiKey), stored) && (await verifyPassword(given.password, stored));
  const own = stored === undefined ? "new" : isSame ? "same" : stored.origin === "added" ? "kept" : "changed";
  if (own === "new" || own === "changed") await credentials.save(await makeCredential(given, random), author.at, author);
  return { own, removed: await credentials.removeStart(given.username, author) };
}

/** Returns the user's API key, which isn't stored. Throws `invalid` if there is such a user, or for a short password. */
export async function addUser(login: Login, deps: UserDeps): Promise<string> {
  requireLongPassword(login);
  if ((await findUser(login.username, deps.credentials)) !== undefined) {
    const passwd = {
      command: commandLine({ command: "users passwd", operands: [login.username] }),
      when: "to change the password",
    };
    const message = `there is a user ${JSON.stringify(login.username)} already`;
    throw new WhcbError("invalid", message, advise`${passwd} changes the password`);
  }
  const apiKey = newSecret(deps.random);
  await deps.credentials.save(await makeCredential({ ...login, apiKey }, deps.random, "added"), deps.author.at, deps.author);
  return apiKey;
}

/** Ends the user's tokens. Returns the new API key, or null if it stays. Throws `not-found`, and `invalid` for a short password. */
export async function changePassword(login: Login, withNewKey: boolean, deps: UserDeps): Promise<string | null> {
  requireLongPassword(login);
  const stored = await findUser(login.username, deps.credentials);
  if (stored === undefined) throw noUser(login.username);
  const apiKey = withNewKey ? newSecret(deps.random) : null;
  const changed = await makeCredential({ ...login, apiKey: apiKey ?? "" }, deps.random, "added");
  const apiKeyHash = apiKey === null ? stored.apiKeyHash : changed.apiKeyHash;
  await deps.credentials.save({ ...changed, apiKeyHash }, deps.author.at, deps.author);
  return apiKey;
}

/** Throws `not-found`. */
export async function removeUser(username: string, { credentials, author }: Omit<UserDeps, "random">): Promise<void> {
  if (!(await credentials.remove(username, author))) throw noUser(username);
}

async function findUser(wanted: string, credentials: Store["credentials"]): Promise<StoredCredential | undefined> {
  return (await credentials.list()).find(({ username }) => username === wanted);
}

function requireLongPassword({ password }: Login): void {
  if (!isShortSecret(password)) return;
  throw new WhcbError("invalid", `the password has fewer than ${MIN_SECRET_LENGTH} characters`, {
    hint: "a shorter one can be guessed; `openssl rand -base64 24` makes one",
  });
}

function noUser(username: string): WhcbError {
  return new WhcbError(
    "not-found",
    `no user ${JSON.stringify(username)}`,
    advise`${{ command: "whcb users list", when: "to see them" }} shows them`,
  );
}
