/** The service has only what the platform documents: list items of id, name, url and link, and no additions of ours. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import {
  type PlatformCallback,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const NAME = "Sample Callback 1";
const SETTINGS = {
  auth: { type: "querystring", key: "PLANTED-KEY-1234" },
  contentType: "xml",
  removeHTML: "enabled",
  retriesEnabled: "false",
  email: "ops@example.com",
  callbacks: { reply: "enabled", undeliverable: "disabled" },
  futureSetting: { depth: [1, 2] },
};

let machine: CliMachine;
let platform: ScriptedPlatform;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

async function open(changes: Partial<PlatformCallback> = {}): Promise<void> {
  const callback = { id: "528F17736481BA9A", name: NAME, url: "https://crm.example.com/hook", key: null, settings: SETTINGS };
  platform = scriptedPlatform({ clock: new VirtualClock(), callbacks: [{ ...callback, calls: platformCalls(3), ...changes }] });
  listening = await platform.listen();
}

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(async () => {
  await machine.leave();
  await listening.close();
});

function whcb(...argv: readonly string[]) {
  const env = { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  return machine.whcb(argv, { env });
}

function puts(): readonly unknown[] {
  return platform.requests.filter(({ method }) => method === "PUT").map(({ body }) => JSON.parse(body ?? ""));
}

test("callbacks create --signing on says that the platform can't sign, and creates nothing", async () => {
  await open();
  const settings = ["--name", "new", "--url", "https://crm.example.com/hook", "--email", "ops@example.com"];
  const { code, stderr } = await whcb("callbacks", "create", ...settings, "--signing", "on");
  const message = `error: ${listening.url} doesn't sign deliveries\nhint: only \`whcb serve\` does`;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  expect(platform.requests.every(({ method }) => method === "GET")).toBe(true);
});

describe("callbacks update", () => {
  test("sends back every member that the service returned by id, with the change", async () => {
    await open();
    const { code, stderr } = await whcb("callbacks", "update", NAME, "--retries", "on");
    expect({ code, stderr }).toEqual({ code: 0, stderr: `service: ${listening.url}\nretries are on\n` });
    expect(puts()).toEqual([{ name: NAME, url: "https://crm.example.com/hook", ...SETTINGS, retriesEnabled: true }]);
  });

  test("changes one event and keeps the other", async () => {
    await open();
    await whcb("callbacks", "update", NAME, "--undeliverable", "on");
    expect(puts()).toMatchObject([{ callbacks: { reply: "enabled", undeliverable: "enabled" } }]);
  });

  test("asks for the settings that the service doesn't return, and changes nothing", async () => {
    const { email: _, auth: __, ...settings } = SETTINGS;
    await open({ settings });
    expect(await whcb("callbacks", "update", NAME, "--retries", "on")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: the service didn't return email, auth.type of Sample Callback 1, and an update needs them\nhint: give --email, --auth as well\n",
    });
    expect(puts()).toEqual([]);
    const given = await whcb("callbacks", "update", NAME, "--retries", "on", "--email", "a@example.com", "--auth", "httpheader");
    expect(given.code).toBe(0);
    expect(puts()).toEqual([
      {
        name: NAME,
        url: "https://crm.example.com/hook",
        ...settings,
        retriesEnabled: true,
        email: "a@example.com",
        auth: { type: "httpheader" },
      },
    ]);
  });
});

test("callbacks create shows the settings that were sent if the answer lacks some", async () => {
  await open();
  const flags = ["--name", "new", "--url", "https://crm.example.com/new", "--email", "a@example.com", "--content-type", "xml"];
  const { code, stdout } = await whcb("callbacks", "create", ...flags, "-o", "json");
  expect({ code, callback: JSON.parse(stdout) }).toMatchObject({
    code: 0,
    callback: { id: "00112233445566FF", name: "new", email: "a@example.com", contentType: "xml", retriesEnabled: false },
  });
});

describe("callbacks get and list", () => {
  test("get shows what the service returns by id", async () => {
    await open();
    const { stdout } = await whcb("callbacks", "get", NAME, "-o", "json", "--show-key");
    expect(JSON.parse(stdout)).toEqual({
      id: "528F17736481BA9A",
      name: NAME,
      url: "https://crm.example.com/hook",
      auth: { type: "queryparam", key: "PLANTED-KEY-1234" },
      contentType: "xml",
      removeHTML: true,
      retriesEnabled: false,
      email: "ops@example.com",
      callbacks: { reply: true, undeliverable: false },
      signing: false,
      signingSecret: null,
      paused: null,
    });
  });

  test("show what the service didn't return as unknown, never as off", async () => {
    await open({ settings: {} });
    const { stdout } = await whcb("callbacks", "get", NAME);
    expect(stdout).toContain("Retries        unknown\n");
    expect(stdout).not.toContain("off");
    expect((await whcb("callbacks", "list")).stdout.split("\t")[2]).toBe("unknown");
  });
});

test("audit says that the service has none, and what shows the changes that were made from here", async () => {
  await open();
  expect(await whcb("audit", "--callback", NAME)).toEqual({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(
      / has no audit\nhint: `whcb runs list` shows what was replayed and marked from here; `whcb serve` has an audit\n$/,
    ),
  });
});

test("outages list says that the service has none, and what shows the failures", async () => {
  await open();
  expect(await whcb("outages", "list")).toEqual({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(
      / doesn't list outages\nhint: `whcb status` shows what is failing; `whcb serve` lists outages\n$/,
    ),
  });
});

describe("status", () => {
  test("shows the settings read by id, and nothing that only whcb serve knows", async () => {
    await open();
    const { code, stdout } = await whcb("status");
    expect(code).toBe(0);
    expect(stdout.replaceAll(listening.url, "SERVICE")).toMatchInlineSnapshot(`
      "Sample Callback 1  failed calls  https://crm.example.com/hook
        3 failed calls (503: 3)
        by hour, last 24: ························  now
        retries are off
        next: whcb calls list 'Sample Callback 1' --failed --service SERVICE
              whcb replay 'Sample Callback 1' --failed --service SERVICE
      "
    `);
  });

  test("counts only the calls that match if the service ignores the filter", async () => {
    const calls = platformCalls(8).map((call) => ({ ...call, status: "SUCCESS" as const }));
    await open({ calls });
    platform.ignoreFilters();
    expect((await whcb("status")).stdout).toContain("  no failed calls\n");
    expect(await whcb("check")).toMatchObject({ code: 0, stdout: "ok: 0 failed calls of Sample Callback 1\n" });
    expect(await whcb("check", "--max-waiting-age", "1h")).toEqual({
      code: 5,
      stdout: "",
      stderr: `service: ${listening.url}\nerror: the service doesn't say since when calls of Sample Callback 1 wait\n`,
    });
  });
});

test("what endpoints answered isn't known, and doesn't count as no answer", async () => {
  await open();
  const refused = {
    code: 2,
    stderr: expect.stringContaining("doesn't list what endpoints answered\nhint: only `whcb serve` does\n"),
  };
  expect(await whcb("calls", "list", NAME, "--failed", "--answer", "x")).toMatchObject(refused);
  expect(await whcb("calls", "list", NAME, "--group-by", "answer")).toMatchObject(refused);
  expect(await whcb("replay", NAME, "--failed", "--answer", "x", "--yes")).toMatchObject(refused);
});

test("calls get says nothing about retries that the service doesn't report", async () => {
  await open();
  const [id = ""] = platformCalls(1).map((call) => call.id);
  const { code, stdout } = await whcb("calls", "get", NAME, id);
  expect(code).toBe(0);
  expect(stdout).toContain("\nRetries are off for this callback.\n\nThis service doesn't return the attempts.\n");
});

test("hints quote a name with spaces", async () => {
  await open();
  expect((await whcb("calls", "get", NAME, "nope")).stderr).toContain(
    `hint: \`whcb calls list 'Sample Callback 1' --all --service ${listening.url}\` lists them`,
  );
});
