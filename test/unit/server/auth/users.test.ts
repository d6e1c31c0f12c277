import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { systemRandom } from "../../../../src/platform/random.js";
import { hashApiKey, matchesApiKey, verifyPassword } from "../../../../src/server/auth/credential-hashes.js";
import { addUser, admitStartUser, changePassword, removeUser, type UserDeps } from "../../../../src/server/auth/users.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";

const LOGIN = { username: "ada", password: "correct horse" };
const START = { ...LOGIN, apiKey: "k-0123456789abcdef" };

let store: Store;
let deps: UserDeps;
beforeEach(async () => {
  store = await openStore({ url: ":memory:", clock: systemClock, secretKey: new Uint8Array(32) });
  const author = { user: null, via: "database", address: null, at: 4711 } as const;
  deps = { credentials: store.credentials, random: systemRandom, author };
});
afterEach(() => store.close());

async function stored(username: string) {
  const credential = (await store.credentials.list()).find((one) => one.username === username);
  if (credential === undefined) throw new Error(`there is no user ${username}`);
  return credential;
}

const names = async () => (await store.credentials.list()).map(({ username }) => username);

describe("the user of a start", () => {
  it("is new, stays the same with its hashes, or is changed, and replaces those of earlier starts", async () => {
    expect(await admitStartUser(START, deps)).toEqual({ own: "new", removed: [] });
    const first = await stored("ada");
    expect(first).toMatchObject({ origin: "start", savedAt: 4711 });
    expect(await admitStartUser(START, deps)).toEqual({ own: "same", removed: [] });
    expect(await stored("ada")).toEqual(first);
    for (const change of [{ password: "another horse" }, { apiKey: "another key" }]) {
      expect(await admitStartUser({ ...START, ...change }, deps)).toEqual({ own: "changed", removed: [] });
      const changed = await stored("ada");
      expect(await verifyPassword(change.password ?? START.password, changed)).toBe(true);
      expect(matchesApiKey(hashApiKey(change.apiKey ?? START.apiKey), changed)).toBe(true);
    }
    expect(await admitStartUser({ ...START, username: "bob" }, deps)).toEqual({ own: "new", removed: ["ada"] });
    expect(await names()).toEqual(["bob"]);
  });

  it("doesn't replace one that was added, with its password or another one", async () => {
    const apiKey = await addUser(LOGIN, deps);
    const added = await stored("ada");
    expect(await admitStartUser(START, deps)).toEqual({ own: "kept", removed: [] });
    expect(await admitStartUser({ ...LOGIN, apiKey }, deps)).toEqual({ own: "same", removed: [] });
    expect(await stored("ada")).toEqual(added);
    expect(await admitStartUser({ ...START, username: "bob" }, deps)).toEqual({ own: "new", removed: [] });
    expect(await names()).toEqual(["ada", "bob"]);
  });
});

describe("a user", () => {
  it("that is added gets a key that only this answer has", async () => {
    const apiKey = await addUser(LOGIN, deps);
    const added = await stored("ada");
    expect(added).toMatchObject({ origin: "added", savedAt: 4711, apiKeyHash: hashApiKey(apiKey) });
    expect(await verifyPassword(LOGIN.password, added)).toBe(true);
    expect(JSON.stringify(added)).not.toContain(apiKey);
    await addUser({ ...LOGIN, username: "bob" }, deps);
    await expect(addUser({ ...LOGIN, password: "another horse" }, deps)).rejects.toMatchObject({
      code: "invalid",
      message: 'there is a user "ada" already',
      hint: "`whcb users passwd ada` changes the password",
      next: [{ command: "whcb users passwd ada", when: "to change the password" }],
    });
    expect(await stored("ada")).toEqual(added);
  });

  it("that gets a new password keeps its key, unless a new one is asked for", async () => {
    const apiKey = await addUser(LOGIN, deps);
    await addUser({ ...LOGIN, username: "bob" }, deps);
    const bob = await stored("bob");
    expect(await changePassword({ ...LOGIN, password: "another horse" }, false, deps)).toBeNull();
    expect(await stored("ada")).toMatchObject({ origin: "added", apiKeyHash: hashApiKey(apiKey) });
    expect(await verifyPassword("another horse", await stored("ada"))).toBe(true);
    const newKey = await changePassword(LOGIN, true, deps);
    expect(newKey).not.toBe(apiKey);
    expect(await stored("ada")).toMatchObject({ apiKeyHash: hashApiKey(newKey ?? "") });
    expect(await verifyPassword(LOGIN.password, await stored("ada"))).toBe(true);
    expect(await stored("bob")).toEqual(bob);
  });

  it("that a start made is added from its new password on", async () => {
    await admitStartUser(START, deps);
    await changePassword(LOGIN, false, deps);
    expect(await stored("ada")).toMatchObject({ origin: "added", apiKeyHash: hashApiKey(START.apiKey) });
  });

  it("that isn't there can be neither changed nor removed", async () => {
    await addUser(LOGIN, deps);
    const missing = {
      code: "not-found",
      message: 'no user "bob"',
      hint: "`whcb users list` shows them",
      next: [{ command: "whcb users list", when: "to see them" }],
    };
    await expect(changePassword({ ...LOGIN, username: "bob" }, true, deps)).rejects.toMatchObject(missing);
    await expect(removeUser("bob", deps)).rejects.toMatchObject(missing);
    await removeUser("ada", deps);
    expect(await names()).toEqual([]);
  });

  it("has a password of at least 12 characters", async () => {
    const short = { username: "ada", password: "12345678901" };
    const tooShort = {
      code: "invalid",
      message: "the password has fewer than 12 characters",
      hint: "a shorter one can be guessed; `openssl rand -base64 24` makes one",
    };
    await expect(addUser(short, deps)).rejects.toMatchObject(tooShort);
    await addUser({ ...short, password: "123456789012" }, deps);
    await expect(changePassword(short, false, deps)).rejects.toMatchObject(tooShort);
  });
});
