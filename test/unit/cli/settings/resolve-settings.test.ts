import { resolve as resolvePath } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveSettings, toServiceTarget } from "../../../../src/cli/settings/resolve-settings.js";
import type { Profile, Settings } from "../../../../src/cli/settings/settings-file.js";

const LOCAL: Profile = { url: "http://127.0.0.1:8787", username: "local", password: "local-pass", apiKey: "local-key" };
const PROD: Profile = {
  url: "https://api.au.whispir.com",
  username: "ops",
  password: "prod-pass",
  apiKey: "prod-key",
  callback: "crm",
  timezone: "Australia/Sydney",
  country: "AU",
  rate: 10,
};
const SETTINGS: Settings = {
  current: "prod",
  profiles: new Map([
    ["local", LOCAL],
    ["prod", PROD],
  ]),
  serve: null,
};

function resolve(input: {
  readonly profile?: string;
  readonly service?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: Settings;
}) {
  const { profile, service, env = {}, settings = SETTINGS } = input;
  return resolveSettings({ flags: { profile, service }, env, settings });
}

describe("the settings in force", () => {
  test("are the current profile's by default", () => {
    expect(resolve({})).toEqual({
      profile: { value: "prod", from: "current profile" },
      profileService: PROD.url,
      address: { value: { kind: "http", url: PROD.url, origin: PROD.url }, from: "profile prod" },
      ownDatabase: null,
      portLock: null,
      username: { value: "ops", from: "profile prod" },
      password: { value: "prod-pass", from: "profile prod" },
      apiKey: { value: "prod-key", from: "profile prod" },
      callback: { value: "crm", from: "profile prod" },
      timezone: { value: "Australia/Sydney", from: "profile prod" },
      country: { value: "AU", from: "profile prod" },
      authParameter: { value: "Auth", from: "default" },
      bodyNames: { value: "messageid-messagelocation", from: "default" },
      allowNetwork: { value: null, from: "not set" },
      rate: { value: 10, from: "profile prod" },
      foreignOrigin: null,
      otherAccounts: [],
      foreignCallback: null,
    });
  });

  test("the database is that of the profile whose address is used, also if it was typed", () => {
    const here = { ...LOCAL, database: "/a.db", databaseId: "A" };
    const there = { ...LOCAL, databaseId: "B" };
    const profiles = new Map([...SETTINGS.profiles, ["local", here], ["there", there]]);
    const ids = (input: Parameters<typeof resolve>[0]) => {
      const { ownDatabase } = resolve({ ...input, settings: { ...SETTINGS, profiles } });
      return ownDatabase && [ownDatabase.profile, ownDatabase.database, ownDatabase.id];
    };
    const env = { WHCB_URL: `${LOCAL.url}/` };
    expect(ids({})).toBeNull();
    expect([ids({ profile: "local" }), ids({ env }), ids({ service: LOCAL.url })]).toEqual(
      Array(3).fill(["local", "/a.db", "A"]),
    );
    expect(ids({ env, profile: "there" })).toEqual(["there", null, "B"]);
    expect(ids({ service: `${LOCAL.url}/other` })).toBeNull();
    profiles.set("local", { ...here, credentialsOrigin: "http://127.0.0.1:1" });
    expect(ids({ profile: "local" })).toBeNull();
  });

  test("the lock is that of the profile whose credentials or address are used, or of its database's `serve`", () => {
    const lock = { path: "/a.lock", pid: 1, port: 8787, addresses: ["127.0.0.1"] };
    const served = { ...LOCAL, databaseId: "A", portLock: lock };
    const lockWith = (local: Profile, input: Parameters<typeof resolve>[0], other: Profile | null = null) => {
      const profiles = new Map([...SETTINGS.profiles, ["local", local], ...(other === null ? [] : [["other", other] as const])]);
      const settings = resolve({ ...input, settings: { ...SETTINGS, profiles } });
      const target = toServiceTarget(settings);
      return target.kind === "http" && target.portLock;
    };
    const env = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
    const { url, databaseId, portLock } = served;
    expect(lockWith(served, { profile: "local" })).toBe(lock);
    expect(lockWith(served, { service: `${LOCAL.url}/below` })).toBe(lock);
    expect(lockWith({ url, databaseId, portLock }, { service: url, env })).toBe(lock);
    expect(lockWith(served, {})).toBeUndefined();
    const { port } = new URL(url);
    for (const host of ["localhost", "[::1]", "127.0.0.1", "0.0.0.0", "[::]", "a.localhost", "service.example"])
      expect(lockWith(served, { service: `http://${host}:${port}`, env })).toBe(lock);
    for (const other of [`http://[::1]:${Number(port) + 1}`, `https://127.0.0.1:${port}`])
      expect(lockWith(served, { service: other, env })).toBeUndefined();
    expect(lockWith({ url: "http://[::1]:8787", portLock }, { env, profile: "local" })).toBe(lock);
    expect(lockWith(served, { profile: "other", env }, { url: "http://[::1]:8787" })).toBe(lock);
    const moved = { ...served, url: "http://127.0.0.1:1", credentialsOrigin: LOCAL.url };
    expect([lockWith(moved, { service: url }), lockWith(moved, { profile: "local", env })]).toEqual([lock, undefined]);
    const ada = { ...LOCAL, username: "ada" };
    expect(lockWith(served, { profile: "other" }, { ...ada, databaseId: "A" })).toBe(lock);
    expect(lockWith(served, { profile: "other" }, { ...ada, databaseId: "B" })).toBeUndefined();
    expect(lockWith({ ...LOCAL, portLock }, { profile: "other" }, ada)).toBeUndefined();
  });

  test("the flag beats the environment, which beats the current profile", () => {
    const env = { WHCB_PROFILE: "local" };
    expect(resolve({ env }).profile).toEqual({ value: "local", from: "WHCB_PROFILE" });
    expect(resolve({ env, profile: "prod" }).profile).toEqual({ value: "prod", from: "--profile" });
    expect(resolve({ env: { WHCB_URL: "http://127.0.0.1:1" }, service: "http://127.0.0.1:2" }).address.from).toBe("--service");
  });

  test.each(["--profile", "WHCB_PROFILE"])("a profile that is named by %s isn't replaced by variables of others", (by) => {
    const named = (profile: string, variables: Readonly<Record<string, string>>, service?: string) => {
      const env = by === "--profile" ? variables : { ...variables, WHCB_PROFILE: profile };
      return resolve({ env, ...(by === "--profile" && { profile }), ...(service !== undefined && { service }) });
    };
    const error = (message: string, hint: string) => expect.objectContaining({ code: "usage", message, hint });
    expect(() => named("local", { WHCB_URL: PROD.url })).toThrow(
      error(`${by} local is another service than WHCB_URL`, `unset WHCB_URL, or leave out ${by}`),
    );
    expect(() => named("local", { WHCB_API_KEY: "prod-key" })).toThrow(
      error(`${by} local is another account than WHCB_API_KEY`, `unset WHCB_API_KEY, or leave out ${by}`),
    );
    expect(named("prod", { WHCB_URL: PROD.url }).address.from).toBe("WHCB_URL");
    expect(named("local", { WHCB_URL: PROD.url }, PROD.url).address.from).toBe("--service");
  });

  test("services below different paths of an origin are different services", () => {
    const gateway = "http://gw.example";
    const settings = {
      current: "staging",
      serve: null,
      profiles: new Map([
        ["prod", { ...PROD, url: `${gateway}/prod` }],
        ["staging", { ...LOCAL, url: `${gateway}/staging/`, callback: "demo", timezone: "Europe/Berlin" }],
      ]),
    };
    const env = { WHCB_URL: `${gateway}/prod` };
    expect(() => resolve({ profile: "staging", env, settings })).toThrow(
      expect.objectContaining({ code: "usage", message: "--profile staging is another service than WHCB_URL" }),
    );
    const { callback, foreignCallback, timezone } = resolve({ env, settings });
    expect([callback.value, foreignCallback, timezone.value]).toEqual([null, "demo", "Australia/Sydney"]);
    expect(resolve({ env: { WHCB_URL: `${gateway}/staging` }, settings }).callback.value).toBe("demo");
  });

  test.each(["WHCB_API_KEY", "WHCB_USERNAME"])(
    "a profile that is named by the flag isn't replaced by another account's %s",
    (name) => {
      expect(() => resolve({ profile: "local", env: { [name]: "prod" } })).toThrow(
        expect.objectContaining({ code: "usage", message: `--profile local is another account than ${name}` }),
      );
      expect(resolve({ profile: "local", env: { WHCB_API_KEY: "local-key", WHCB_USERNAME: "local" } }).apiKey.value).toBe(
        "local-key",
      );
      const { apiKey: _key, username: _user, ...bare } = LOCAL;
      const settings = { ...SETTINGS, profiles: new Map([["local", bare]]) };
      expect(resolve({ profile: "local", env: { [name]: "mine" }, settings }).profile.value).toBe("local");
    },
  );

  test("a default callback isn't used on another service, and isn't forgotten either", () => {
    const { callback, foreignCallback } = resolve({ env: { WHCB_URL: LOCAL.url } });
    expect([callback.value, foreignCallback]).toEqual([null, "crm"]);
  });

  test("credentials of the environment beat the profile's, each by itself", () => {
    const { username, apiKey } = resolve({ env: { WHCB_API_KEY: "other" } });
    expect([username, apiKey]).toEqual([
      { value: "ops", from: "profile prod" },
      { value: "other", from: "WHCB_API_KEY" },
    ]);
  });

  test("a profile's credentials never go to another origin", () => {
    const settings = resolve({ env: { WHCB_URL: "https://evil.example.com" } });
    expect([settings.username.value, settings.password.value, settings.apiKey.value, settings.callback.value]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(() => toServiceTarget(settings)).toThrow(
      expect.objectContaining({
        code: "config",
        message: expect.stringContaining("those of profile prod belong to https://api.au.whispir.com"),
      }),
    );
  });

  test.each(["http://api.au.whispir.com", "https://api.au.whispir.com:8443", "https://api.au.whispir.com.evil.example"])(
    "%s is another origin than https://api.au.whispir.com",
    (url) => {
      expect(resolve({ service: url }).apiKey.value).toBeNull();
    },
  );

  test("the credentials of a profile whose URL was changed go only where they were stored for", () => {
    const moved = { ...PROD, url: "https://elsewhere.example.com", credentialsOrigin: PROD.url };
    const settings = { ...SETTINGS, profiles: new Map([["prod", moved]]) };
    const there = resolve({ settings });
    expect([there.username.value, there.password.value, there.apiKey.value, there.foreignOrigin]).toEqual([
      null,
      null,
      null,
      PROD.url,
    ]);
    expect(resolve({ settings, service: PROD.url }).apiKey).toEqual({ value: "prod-key", from: "profile prod" });
  });

  test("the credentials of another profile of the same origin are used", () => {
    expect(resolve({ env: { WHCB_URL: "http://127.0.0.1:8787/" } }).apiKey).toEqual({
      value: "local-key",
      from: "profile local",
    });
  });

  test("of several accounts at one origin none is used unless its profile is named", () => {
    const profiles = new Map([...SETTINGS.profiles, ["staging", { ...PROD, apiKey: "staging-key" }]]);
    const settings = { current: "local", profiles, serve: null };
    for (const named of [
      { env: { WHCB_URL: PROD.url } },
      { service: PROD.url },
      { service: PROD.url, env: { WHCB_USERNAME: "ops" } },
    ]) {
      expect(() => toServiceTarget(resolve({ ...named, settings }))).toThrow(
        expect.objectContaining({
          code: "config",
          message: `credentials for ${PROD.url} are missing; profiles prod, staging have different ones`,
          hint: expect.stringMatching(/^add `--profile` with one of them, or set /),
        }),
      );
      expect(resolve({ ...named, profile: "staging", settings }).apiKey.value).toBe("staging-key");
    }
    const same = { ...settings, profiles: new Map([...SETTINGS.profiles, ["again", PROD]]) };
    expect(resolve({ service: PROD.url, settings: same }).apiKey).toEqual({ value: "prod-key", from: "profile prod" });
  });

  test("the default rate is 5 requests a second for the platform, and unlimited for other services", () => {
    const { rate: _rate, ...slow } = PROD;
    const settings = {
      ...SETTINGS,
      profiles: new Map([
        ["prod", slow],
        ["local", LOCAL],
      ]),
    };
    expect(resolve({ settings }).rate).toEqual({ value: 5, from: "default" });
    expect(resolve({ settings, profile: "local" }).rate).toEqual({ value: null, from: "default" });
    expect(resolve({ settings, profile: "local", env: { WHCB_RATE: "60/m" } }).rate).toEqual({ value: 1, from: "WHCB_RATE" });
  });

  test("an unknown profile is an error with the closest name", () => {
    expect(() => resolve({ profile: "prd" })).toThrow(expect.objectContaining({ code: "not-found", hint: "did you mean prod?" }));
  });

  test("without any setting the error says how to begin", () => {
    const settings = resolve({ settings: { current: null, profiles: new Map(), serve: null } });
    expect(() => toServiceTarget(settings)).toThrow(
      expect.objectContaining({ code: "config", message: "no service is set", hint: expect.stringContaining("whcb serve") }),
    );
  });

  test("a database file needs no credentials", () => {
    expect(toServiceTarget(resolve({ env: { WHCB_URL: "/data/x.db" } }))).toEqual({
      kind: "file",
      path: resolvePath("/data/x.db"),
      authParameter: "Auth",
      bodyNames: "messageid-messagelocation",
    });
  });
});
