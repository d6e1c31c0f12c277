/** A profile belongs to a service, and its credentials go nowhere else. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { runCli, storeSettings } from "../support/cli/run-cli.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

const settings = () => readSettings(machine.world.paths.config);

async function profileUrls() {
  const { current, profiles } = await settings();
  return { current, ...Object.fromEntries([...profiles].map(([name, { url }]) => [name, url])) };
}

describe("with several profiles, what is asked", () => {
  test.each([["mark-success"], ["replay"]])("by %s names the service and its profile", async (command) => {
    await machine.serve(["--db", machine.path("a.db")]);
    const second = await machine.serve(["--db", machine.path("b.db")]);
    const broken = await machine.listen(["--status", "503"]);
    await machine.works(["profiles", "use", "local-2"]);
    await machine.rehearse("demo", broken.url, 2);
    const { stderr } = await machine.whcb([command, "demo", "--failed", "--yes"]);
    expect(stderr).toContain(`service: ${second.url} (profile local-2)\n`);
  });
});

describe("serve", () => {
  test("on a second database creates its own profile, and leaves the first one as it is", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const second = await machine.serve(["--db", machine.path("b.db")]);
    expect(second.io.err()).toContain(
      "created the profile local-2; the current profile is local (--profile local-2 uses this one)",
    );
    expect(await profileUrls()).toEqual({ current: "local", local: first.url, "local-2": second.url });
  });

  test("started again on the same database with another port refreshes its own profile", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const second = await machine.serve(["--db", machine.path("b.db")]);
    await first.stop();
    await second.stop();
    const again = await machine.serve(["--db", machine.path("b.db")]);
    expect(await profileUrls()).toEqual({ current: "local", local: first.url, "local-2": again.url });
    const firstAgain = await machine.serve(["--db", machine.path("a.db")]);
    expect(await profileUrls()).toEqual({ current: "local", local: firstAgain.url, "local-2": again.url });
    expect(await machine.works(["callbacks", "list", "-o", "json"])).toBe("[]\n");
  });

  test("on another database at the same address isn't the profile's: reads warn, and writes are rejected", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    await first.stop();
    const here = ["--port", new URL(first.url).port];
    const second = await machine.serve(["--db", machine.path("b.db"), ...here]);
    const broken = await machine.listen(["--status", "503"]);
    const other = ["--profile", "local-2"];
    await machine.works(["profiles", "use", "local-2"]);
    await machine.rehearse("demo", broken.url, 2);
    await machine.works(["profiles", "use", "local"]);
    const failed = () => machine.works(["calls", "list", "demo", "--failed", "-o", "ids", ...other]);
    const message = `another database than that of profile local (${machine.path("a.db")}) answers at ${first.url}`;
    const hint = `hint: if you mean that one, add \`--profile local-2\`; else start \`whcb serve --db ${machine.path("a.db")}\`\n`;
    const read = await machine.whcb(["callbacks", "list", "-o", "ids"]);
    expect([read.code, read.stdout.length, read.stderr]).toEqual([0, 17, `warning: ${message}\n${hint}`]);
    for (const write of [
      ["mark-success", "demo", "--failed", "--yes"],
      ["replay", "demo", "--failed", "--yes"],
      ["trigger", "demo"],
      ["callbacks", "pause", "demo"],
      ["callbacks", "delete", "demo", "--yes"],
    ])
      expect(await machine.whcb(write)).toMatchObject({
        code: 4,
        stdout: "",
        stderr: expect.stringContaining(`error: ${message}\n${hint}`),
      });
    const create = ["callbacks", "create", "--name", "new", "--url", broken.url, "--email", "a@b.co"];
    expect(await machine.whcb(create)).toMatchObject({
      code: 4,
      stdout: "",
      stderr: expect.stringContaining(`error: ${message}\n`),
    });
    expect(await machine.works(["runs", "list", "-o", "ids"])).toBe("");
    expect((await failed()).split("\n")).toHaveLength(3);
    // A command that fills the screen would open it for a slow answer, before the error.
    const sleepUntil: Clock["sleepUntil"] = (at, signal) => systemClock.sleepUntil(at + 60_000, signal);
    const patient = { ...machine.world, deps: { ...machine.world.deps, clock: { ...systemClock, sleepUntil } } };
    // The same goes for the profile's address, if it is typed.
    const mark = ["mark-success", "demo", "--failed", "--yes"];
    const service = ["--service", second.url];
    for (const [argv, env] of [
      [[...mark, ...service], {}],
      [[...mark, ...service, "--profile", "local"], {}],
      [mark, { WHCB_URL: second.url }],
      [["triage", "demo"], {}],
      [["triage"], {}],
      [["watch"], {}],
      [["check"], {}],
      [["check", "demo", "--max-failed", "9"], {}],
    ] as const)
      expect(await runCli(patient, argv, { env: { ...env, NO_COLOR: "1" }, canAsk: true, columns: 80 })).toMatchObject({
        code: 4,
        stderr: expect.stringContaining("error: another database than that of profile local ("),
      });
    expect((await failed()).split("\n")).toHaveLength(3);
    expect(await machine.works([...mark, ...service, ...other])).toMatch(/^2 calls marked/);
    await second.stop();
    await machine.serve(["--db", machine.path("a.db"), ...here]);
    expect(await machine.works(["callbacks", "list", "-o", "ids"])).toBe("");
  });

  test("never takes over a profile that a user has created", async () => {
    const mine = { url: "https://api.au.whispir.com", username: "ops", password: "p", apiKey: "k" };
    await storeSettings(machine.world, () => ({
      current: "local",
      profiles: new Map([["local", mine]]),
      serve: null,
    }));
    const served = await machine.serve(["--db", machine.path("a.db")]);
    const { profiles } = await settings();
    expect([profiles.get("local"), profiles.get("local-2")?.url]).toEqual([mine, served.url]);
  });

  test("keeps using the profile that version 0.1.0 wrote for the same address", async () => {
    const served = await machine.serve(["--db", machine.path("a.db")]);
    await served.stop();
    // 0.1.0 didn't write down which database a profile is for.
    const file = join(machine.world.paths.config, "config.json");
    const document = JSON.parse(readFileSync(file, "utf8"));
    delete document.profiles.local.database;
    writeFileSync(file, JSON.stringify(document));
    const again = await machine.serve(["--db", machine.path("a.db"), "--port", new URL(served.url).port]);
    expect(await profileUrls()).toEqual({ current: "local", local: again.url });
  });
});

describe("login", () => {
  test("stores which database answers: another one at that address is another service", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const here = ["--port", new URL(first.url).port];
    const { username = "", password = "", apiKey = "" } = (await settings()).profiles.get("local") ?? {};
    const env = { WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
    await machine.works(["login", first.url, "--name", "mine"], { env });
    await first.stop();
    const second = await machine.serve(["--db", machine.path("b.db"), ...here]);
    const broken = await machine.listen(["--status", "503"]);
    await machine.works(["profiles", "use", "local-2"]);
    await machine.rehearse("demo", broken.url, 2);
    await machine.works(["profiles", "use", "mine"]);
    await machine.works(["config", "set", "callback", "demo"]);
    const message = `error: another database than that of profile mine answers at ${first.url}\n`;
    const mark = ["mark-success", "--failed", "--yes"];
    expect(await machine.whcb(mark)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(
        `${message}hint: if you mean that one, add \`--profile local-2\`; else check where that address leads\n`,
      ),
    });
    // Without the profile of `serve`, what is typed next is a login.
    await storeSettings(machine.world, ({ profiles, ...rest }) => ({
      ...rest,
      profiles: new Map([...profiles].filter(([name]) => name === "mine")),
    }));
    expect(await machine.whcb(mark)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(
        `${message}hint: if you mean that one, log in to it with \`whcb login ${first.url} --name mine\`; else check where that address leads\n`,
      ),
    });
    await machine.works(["login", first.url, "--keep-current"], { env });
    expect(await profileUrls()).toEqual({ current: "mine", mine: first.url, local: first.url });
    await machine.works(["login", first.url, "--name", "mine"], { env });
    expect(await machine.works(mark)).toMatch(/^2 calls marked/);
    // It is a user's, though it is called local and has the same address.
    await second.stop();
    await machine.serve(["--db", machine.path("a.db"), ...here]);
    expect(await profileUrls()).toEqual({ current: "mine", mine: first.url, local: first.url, "local-2": first.url });
  });

  test("without a name never repoints the profile of another service", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const second = await machine.serve(["--db", machine.path("b.db")]);
    const { username = "", password = "", apiKey = "" } = (await settings()).profiles.get("local-2") ?? {};
    const env = { WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
    await machine.works(["login", second.url], { env });
    expect(await profileUrls()).toEqual({ current: "local-2", local: first.url, "local-2": second.url });
    // It is the same service at an address that no profile has.
    const localhost = second.url.replace("127.0.0.1", "localhost");
    await machine.works(["login", localhost], { env });
    expect(await profileUrls()).toMatchObject({ current: "local-3", local: first.url, "local-3": localhost });
  });

  test("is suggested for the profile whose credentials are rejected", async () => {
    await machine.serve(["--db", machine.path("a.db")]);
    const second = await machine.serve(["--db", machine.path("b.db")]);
    await machine.works(["config", "set", "password", "-", "--profile", "local-2"], { stdin: "wrong-wrong-wrong" });
    expect(await machine.whcb(["status", "--profile", "local-2"])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`store new ones with \`whcb login ${second.url} --name local-2\`\n`),
    });
  });
});

describe("a warning that passwords and API keys aren't encrypted", () => {
  const warned = (host: string) => [
    `warning: requests to ${host} aren't encrypted, so others on the network may read their passwords and API keys: use https, with a proxy that ends TLS`,
  ];
  const warningsOf = (stderr: string) => stderr.split("\n").filter((line) => line.includes("encrypted"));

  test.each([
    ["http://service.invalid:8787", warned("service.invalid")],
    ["http://localhost.service.invalid", warned("localhost.service.invalid")],
    ["https://service.invalid", []],
    ["http://127.0.0.1:1", []],
    ["http://[::1]:1", []],
    ["http://a.localhost:1", []],
    ["./x.db", []],
  ])("comes before credentials are needed for a login to %s: %j", async (url, warnings) => {
    const { code, stderr } = await machine.whcb(["login", url], { env: {} });
    expect([code, warningsOf(stderr)]).toEqual([4, warnings]);
    expect(stderr.startsWith(warnings[0] ?? "error: ")).toBe(true);
  });

  test("comes with config set url, but not with each command", async () => {
    await machine.serve();
    const url = "http://service.invalid";
    expect(warningsOf((await machine.whcb(["config", "set", "url", url])).stderr)).toEqual(warned("service.invalid"));
    const env = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
    expect(warningsOf((await machine.whcb(["status"], { env })).stderr)).toEqual([]);
    expect(warningsOf((await machine.whcb(["config", "set", "url", "https://service.invalid"])).stderr)).toEqual([]);
  });

  test.each([
    [["--host", "0.0.0.0"], warned("0.0.0.0")],
    [["--host", "::"], warned("::")],
    [["--host", "0.0.0.0", "--trust-proxy", "192.0.2.1"], []],
    [["--host", "0.0.0.0", "--no-api"], []],
    [[], []],
  ])("comes at the start of serve %j: %j", async (flags, warnings) => {
    const { io } = await machine.serve(flags);
    expect(warningsOf(io.err())).toEqual(warnings);
  });
});

describe("config set url to another service", () => {
  test("keeps the credentials, says whose they are, and sends them nowhere else", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const other = await machine.listen();
    const before = (await settings()).profiles.get("local");
    const { code, stderr } = await machine.whcb(["config", "set", "url", other.url]);
    expect([code, stderr]).toEqual([
      0,
      `url of profile local is set\nits credentials belong to ${first.url} and are not sent to ${other.url}: store new ones with \`whcb login ${other.url} --name local\`\n`,
    ]);
    expect((await settings()).profiles.get("local")).toEqual({ ...before, url: other.url, credentialsOrigin: first.url });
    expect(await machine.whcb(["callbacks", "list"])).toMatchObject({
      code: 4,
      stderr: `error: credentials for ${other.url} are missing; those of profile local belong to ${first.url}\nhint: use \`whcb login ${other.url} --name local\`, or set WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY\n`,
    });
    expect((await other.stop()).stdout).not.toContain("GET");
  });

  test("and back again works as before", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    const before = (await settings()).profiles.get("local");
    await machine.works(["config", "set", "url", "https://elsewhere.example.com"]);
    await machine.works(["config", "set", "url", "https://third.example.com"]);
    const { stderr } = await machine.whcb(["config", "set", "url", first.url]);
    expect(stderr).toBe("url of profile local is set\n");
    expect((await settings()).profiles.get("local")).toEqual(before);
    expect(await machine.works(["callbacks", "list", "-o", "json"])).toBe("[]\n");
  });

  test("keeps the lock of its `serve`, whose port it is for, if it has no credentials of its own", async () => {
    const credentials = { WHCB_USERNAME: "ada", WHCB_PASSWORD: "a-long-password", WHCB_API_KEY: "a-long-api-key" };
    const first = await machine.serve(["--db", machine.path("a.db")], { env: credentials });
    const lock = async () => (await settings()).profiles.get("local")?.portLock;
    const held = await lock();
    expect(held?.port).toBe(Number(new URL(first.url).port));
    await machine.works(["config", "set", "url", "https://elsewhere.example.com"]);
    expect(await lock()).toEqual(held);
  });

  test("drops the old credentials once new ones are set", async () => {
    const first = await machine.serve(["--db", machine.path("a.db")]);
    await machine.works(["config", "set", "url", "https://elsewhere.example.com"]);
    const { stderr } = await machine.whcb(["config", "set", "apiKey", "-"], { stdin: "new-key\n" });
    expect(stderr).toMatch(/^apiKey of profile local is set\nremoved the credentials for http:\/\/127\.0\.0\.1:\d+\n$/);
    const profile = (await settings()).profiles.get("local");
    expect([profile?.apiKey, profile?.portLock?.port, profile?.username, profile?.password, profile?.credentialsOrigin]).toEqual([
      "new-key",
      Number(new URL(first.url).port),
      undefined,
      undefined,
      undefined,
    ]);
  });
});
