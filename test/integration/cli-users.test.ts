/** The users of a database are managed from the command line. */
import { copyFileSync, renameSync } from "node:fs";
import { relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { storeSettings } from "../support/cli/run-cli.js";

let machine: CliMachine;
let db: string;

beforeEach(async () => {
  machine = new CliMachine();
  db = machine.path("x.db");
  await (await machine.serve(["--db", db])).stop();
});

afterEach(() => machine.leave());

const ENV = { env: { WHCB_NEW_PASSWORD: "twelve chars" } };
const names = async (...args: readonly string[]) =>
  (await machine.works(["users", "list", "-o", "ids", ...args])).trim().split("\n");

describe("the password of `users add`", () => {
  test("is asked for twice on a terminal", async () => {
    const { code, stdout, stderr } = await machine.whcb(["users", "add", "ada"], {
      canAsk: true,
      stdin: "twelve chars\ntwelve chars\n",
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^User {5}ada\nAPI key {2}[\w-]{32}\n$/) });
    expect(stderr).toBe(`New password of ada: \nAgain: \nadded the user ada to ${db}; the API key isn't shown again\n`);
  });

  test("isn't taken if the two differ, or if there is none", async () => {
    const differs = await machine.whcb(["users", "add", "ada"], { canAsk: true, stdin: "twelve chars\ntwelve chasr\n" });
    expect({ code: differs.code, stderr: differs.stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("differ") });
    const none = await machine.whcb(["users", "add", "ada"]);
    expect(none).toEqual({
      code: 4,
      stdout: "",
      stderr:
        "error: a password for ada is needed\nhint: type it on a terminal, set WHCB_NEW_PASSWORD, or pipe it in with --password-stdin\n",
    });
    expect(await names()).toEqual(["local"]);
  });

  test.each(["add", "passwd"])("has at least 12 characters, also for `users %s`", async (command) => {
    const user = command === "add" ? "ada" : "local";
    const before = await machine.works(["users", "list", "-o", "json"]);
    for (const password of ["elevenchars", "😀😀😀😀😀😀😀😀😀😀😀"]) {
      expect(await machine.whcb(["users", command, user], { env: { WHCB_NEW_PASSWORD: password } })).toEqual({
        code: 2,
        stdout: "",
        stderr:
          "error: the password has fewer than 12 characters\nhint: a shorter one can be guessed; `openssl rand -base64 24` makes one\n",
      });
    }
    expect(await machine.works(["users", "list", "-o", "json"])).toBe(before);
    await machine.works(["users", command, user], ENV);
  });

  test("can't be an argument", async () => {
    expect((await machine.whcb(["users", "add", "ada", "--password", "secret"])).code).toBe(2);
    expect((await machine.whcb(["users", "add", "ada", "secret"])).code).toBe(2);
  });
});

describe("users", () => {
  test("are listed by origin, without hashes", async () => {
    await machine.works(["users", "add", "ada"], ENV);
    const changedAt = expect.stringMatching(/^20.*Z$/);
    expect(JSON.parse(await machine.works(["users", "list", "-o", "json"]))).toEqual([
      { username: "ada", origin: "added", changedAt },
      { username: "local", origin: "start", changedAt },
    ]);
  });

  test("can't be added twice, and unknown ones can't be changed", async () => {
    await machine.works(["users", "add", "ada"], ENV);
    expect(await machine.whcb(["users", "add", "ada"], ENV)).toMatchObject({ code: 2, stdout: "" });
    expect(await machine.whcb(["users", "passwd", "eve"], ENV)).toMatchObject({ code: 3, stdout: "" });
    expect(await machine.whcb(["users", "remove", "eve", "--yes"])).toMatchObject({ code: 3, stdout: "" });
    expect(await machine.whcb(["users", "add", "a:b"], ENV)).toMatchObject({ code: 4, stdout: "" });
    expect(await names()).toEqual(["ada", "local"]);
  });

  test("are removed after a question; one that `serve` made comes back with it", async () => {
    expect((await machine.whcb(["users", "remove", "local"])).code).toBe(2);
    await machine.whcb(["users", "remove", "local"], { canAsk: true, stdin: "n\n" });
    expect(await names()).toEqual(["local"]);
    const { code, stderr } = await machine.whcb(["users", "remove", "local"], { canAsk: true, stdin: "y\n" });
    expect(code).toBe(0);
    expect(stderr.replace("\n  credentials", " credentials")).toContain(
      "a start of `whcb serve` with the same credentials adds it again\n",
    );
    expect(await names()).toEqual([""]);
  });
});

describe("the database", () => {
  test("is that of --db, of WHCB_DB, of the profile's file, or of the profile's `serve`", async () => {
    const other = machine.path("other.db");
    await (await machine.serve(["--db", other])).stop();
    await machine.works(["users", "add", "ada", "--db", other], ENV);
    expect(await names()).toEqual(["local"]);
    expect(await names("--db", other)).toEqual(["ada", "local"]);
    expect(await names("--profile", "local-2")).toEqual(["ada", "local"]);
    expect(await names("--service", other)).toEqual(["ada", "local"]);
    expect((await machine.works(["users", "list", "-o", "ids"], { env: { WHCB_DB: other } })).trim()).toBe("ada\nlocal");
  });

  test("is that of a typed --service or --profile, whatever WHCB_DB says", async () => {
    const other = machine.path("other.db");
    await (await machine.serve(["--db", other])).stop();
    const env = { WHCB_DB: db };
    const checked = (...flags: readonly string[]) => machine.works(["db", "check", ...flags], { env });
    expect(await checked()).toBe(`ok: 0 callbacks, 0 calls, 0 attempts in ${db}\n`);
    expect(await checked("--service", other)).toBe(`ok: 0 callbacks, 0 calls, 0 attempts in ${other}\n`);
    expect(await checked("--profile", "local-2")).toBe(`ok: 0 callbacks, 0 calls, 0 attempts in ${other}\n`);
    await machine.works(["users", "add", "ada", "--service", other], { env: { ...ENV.env, ...env } });
    expect([await names(), await names("--profile", "local-2")]).toEqual([["local"], ["ada", "local"]]);
    expect(await machine.whcb(["users", "list", "--service", "http://127.0.0.1:1"], { env })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("error: --service names a service, and this command works on a database only"),
    });
  });

  test("is never WHCB_DB's if WHCB_URL or WHCB_PROFILE names another one", async () => {
    const other = machine.path("other.db");
    await (await machine.serve(["--db", other])).stop();
    const check = (env: Record<string, string>, ...flags: readonly string[]) =>
      machine.whcb(["db", "check", ...flags], { env: { WHCB_DB: db, ...env } });
    const isRejected = (variable: string) => ({
      code: 2,
      stdout: "",
      stderr: `error: ${variable} names the database ${other}, and WHCB_DB another one: ${db}\nhint: unset ${variable} or WHCB_DB, or type --db\n`,
    });
    expect(await check({ WHCB_URL: other })).toEqual(isRejected("WHCB_URL"));
    expect(await check({ WHCB_PROFILE: "local-2" })).toEqual(isRejected("WHCB_PROFILE"));
    const { url } = (await readSettings(machine.world.paths.config)).profiles.get("local-2") ?? { url: "" };
    expect(await check({ WHCB_PROFILE: "local-2", WHCB_URL: url })).toEqual(isRejected("WHCB_URL"));
    const { url: ofDb } = (await readSettings(machine.world.paths.config)).profiles.get("local") ?? { url: "" };
    for (const env of [{ WHCB_URL: db }, { WHCB_PROFILE: "local" }, { WHCB_URL: ofDb }, { WHCB_URL: "" }])
      expect((await check(env)).stdout).toContain(` in ${db}\n`);
    expect((await check({ WHCB_URL: other }, "--profile", "local")).code).toBe(2);
    expect((await check({ WHCB_URL: db }, "--db", other)).stdout).toContain(` in ${other}\n`);
    expect((await check({ WHCB_PROFILE: "local" }, "--service", other)).stdout).toContain(` in ${other}\n`);
  });

  test("is never WHCB_DB's if WHCB_URL or WHCB_PROFILE names a service that isn't known to have it", async () => {
    const service = "http://127.0.0.1:1";
    await storeSettings(machine.world, (before) => ({
      ...before,
      profiles: new Map([...before.profiles, ["remote", { url: service }]]),
    }));
    for (const env of [{ WHCB_URL: service }, { WHCB_PROFILE: "remote" }])
      for (const command of [
        ["users", "list"],
        ["db", "check"],
      ]) {
        const [variable = ""] = Object.keys(env);
        expect(await machine.whcb(command, { env: { WHCB_DB: db, ...env } })).toEqual({
          code: 2,
          stdout: "",
          stderr: `error: ${variable} names the service ${service}, and WHCB_DB a database that isn't known to be that service's: ${db}\nhint: unset ${variable}, or type --db\n`,
        });
        expect(await machine.whcb([...command, "--db", db], { env: { WHCB_DB: db, ...env } })).toMatchObject({ code: 0 });
      }
  });

  test("is the profile's only if its file is the one that its `serve` had, unless --db names it", async () => {
    await machine.works(["users", "add", "ada"], ENV);
    copyFileSync(db, `${db}.restored`);
    renameSync(`${db}.restored`, db);
    const isRejected = {
      code: 4,
      stdout: "",
      stderr: `error: another database than that of profile local is at ${db}\nhint: if you have put it there, name it with --db alone, or start its serve, which refreshes the profile; nothing was done\n`,
    };
    for (const env of [{}, { WHCB_DB: db, WHCB_PROFILE: "local" }])
      expect(await machine.whcb(["users", "remove", "ada", "--yes"], { env })).toEqual(isRejected);
    expect(await machine.whcb(["db", "check"])).toEqual(isRejected);
    expect(await names("--db", db)).toEqual(["ada", "local"]);
    await (await machine.serve(["--db", db])).stop();
    expect(await names()).toEqual(["ada", "local"]);
    renameSync(db, `${db}.away`);
    expect(await machine.whcb(["db", "check"])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("error: no database at"),
    });
  });

  test("has one name in a command", async () => {
    for (const flags of [
      ["--service", db],
      ["--profile", "local"],
    ]) {
      expect(await machine.whcb(["users", "list", "--db", db, ...flags])).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: ${flags[0]} would be ignored: --db names the database\nhint: leave one of them out\n`,
      });
      expect(await machine.whcb(["serve", ...flags])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`error: ${flags[0]} would be ignored: it names the service of other commands\n`),
      });
    }
  });

  test("is named in the line to continue, which may be typed in another terminal", async () => {
    const other = machine.path("other.db");
    await (await machine.serve(["--db", other])).stop();
    const typed = async (env: Record<string, string>, ...flags: readonly string[]) =>
      /to continue, type: whcb (.*)\n/.exec((await machine.whcb(["users", "remove", "local", ...flags], { env })).stderr)?.[1];
    expect(await typed({ WHCB_DB: relative(process.cwd(), other) })).toBe(`users remove local --db ${other} --yes`);
    expect(await typed({ WHCB_PROFILE: "local-2" })).toBe("users remove local --profile local-2 --yes");
    expect(await typed({ WHCB_PROFILE: "local" }, "--db", other)).toBe(`users remove local --db ${other} --yes`);
    expect(await typed({ WHCB_DB: db }, "--service", other)).toBe(`users remove local --service ${other} --yes`);
  });

  test("must be named for a service elsewhere, and must exist", async () => {
    const prod = { url: "https://api.au.whispir.com", username: "u", password: "p", apiKey: "k" };
    await storeSettings(machine.world, (before) => ({
      ...before,
      current: "prod",
      profiles: new Map([...before.profiles, ["prod", prod]]),
    }));
    expect(await machine.whcb(["users", "list"])).toEqual({
      code: 4,
      stdout: "",
      stderr:
        "error: profile prod names a service, and this command works on a database only\nhint: on the machine of that service, name its file with --db\n",
    });
    expect(await machine.whcb(["users", "list", "--db", "absent.db"])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("error: no database at "),
    });
  });
});
