/** Settings are checked against the service before they are stored, and a question comes before a removal. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSettings } from "../../src/cli/settings/settings-file.js";
import { CliMachine } from "../support/cli/cli-service.js";

let machine: CliMachine;
let serviceUrl: string;

beforeAll(async () => {
  machine = new CliMachine();
  serviceUrl = (await machine.serve()).url;
  const endpoint = await machine.listen();
  for (const name of ["demo", "crm"]) {
    await machine.works(["callbacks", "create", "--name", name, "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"]);
  }
});

afterAll(() => machine.leave());

const localProfile = async () => (await readSettings(machine.world.paths.config)).profiles.get("local");

describe("config set callback", () => {
  test("rejects a callback that the service doesn't have", async () => {
    expect(await machine.whcb(["config", "set", "callback", "demmo"])).toEqual({
      code: 3,
      stdout: "",
      stderr: 'error: no callback "demmo"\nhint: did you mean demo?\n',
    });
    expect((await localProfile())?.callback).toBeUndefined();
  });

  test("stores one that the service has, whatever WHCB_URL says", async () => {
    const env = { WHCB_URL: "http://127.0.0.1:1" };
    expect(await machine.whcb(["config", "set", "callback", "demo"], { env })).toMatchObject({ code: 0 });
    expect((await localProfile())?.callback).toBe("demo");
    expect(await machine.whcb(["config", "set", "callback", ""])).toMatchObject({ code: 0 });
  });

  test("stores it unchecked, and says so, if the service doesn't answer", async () => {
    await machine.works(["config", "set", "url", "http://127.0.0.1:1"]);
    const { code, stderr } = await machine.whcb(["config", "set", "callback", "later"], { env: ENV });
    expect([code, stderr]).toEqual([
      0,
      "callback of profile local is set\nwarning: it wasn't checked: http://127.0.0.1:1: connection refused\n",
    ]);
    await machine.works(["config", "set", "url", serviceUrl]);
    await machine.works(["config", "set", "callback", ""]);
  });
});

const ENV = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };

describe("check", () => {
  test("names the callbacks that it checked", async () => {
    expect(await machine.whcb(["check", "demo"])).toEqual({ code: 0, stdout: "ok: 0 failed calls of demo\n", stderr: "" });
    expect(await machine.whcb(["check"])).toEqual({ code: 0, stdout: "ok: 0 failed calls of 2 callbacks\n", stderr: "" });
    const document = JSON.parse(await machine.works(["check", "-o", "json"]));
    expect(document.callbacks.map(({ name, failed }: { name: string; failed: number }) => [name, failed])).toEqual([
      ["crm", 0],
      ["demo", 0],
    ]);
  });
});

describe("profiles remove", () => {
  const removable = ["login", "--keep-current", "--name", "old"];

  test("asks first, and does nothing without a yes", async () => {
    await machine.works([...removable, machine.path("whcb.db")]);
    const answered = await machine.whcb(["profiles", "remove", "old"], { canAsk: true, stdin: "n\n" });
    expect(answered).toMatchObject({ code: 0, stderr: expect.stringContaining("Remove profile old (") });
    expect(await machine.whcb(["profiles", "remove", "old"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("hint: to continue, type: whcb profiles remove old --yes"),
    });
    expect((await readSettings(machine.world.paths.config)).profiles.has("old")).toBe(true);
    expect(await machine.whcb(["profiles", "remove", "old", "--yes"])).toMatchObject({
      code: 0,
      stderr: "removed profile old\n",
    });
    expect((await readSettings(machine.world.paths.config)).profiles.has("old")).toBe(false);
  });

  test("reports an unknown profile before it asks", async () => {
    expect(await machine.whcb(["profiles", "remove", "nope"])).toMatchObject({ code: 3 });
  });
});

describe("login", () => {
  const ask = { canAsk: true, stdin: "ops\npass\nkey\n", env: { NO_COLOR: "1" } };

  test.each([
    ["nothing listens", "http://127.0.0.1:1", /\nerror: http:\/\/127\.0\.0\.1:1: connection refused\n/],
    ["the host doesn't exist", "http://nowhere.invalid", /the host name can't be resolved/],
  ])("fails at an address where %s, once all is typed", async (_, url, message) => {
    const { code, stderr } = await machine.whcb(["login", url], ask);
    expect([code, stderr]).toEqual([5, expect.stringMatching(message)]);
  });

  test("sends no credentials to an address that isn't a callbacks service", async () => {
    const endpoint = await machine.listen();
    const { code } = await machine.whcb(["login", endpoint.url], ask);
    // The one without credentials.
    expect([code, endpoint.io.out().match(/ GET /g)]).toEqual([5, [" GET "]]);
  });

  test("asks for user, password and API key at a service", async () => {
    const { code, stderr } = await machine.whcb(["login", serviceUrl], ask);
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/User:[\s\S]*Password:[\s\S]*API key:[\s\S]*user or password rejected/),
    ]);
  });
});

test("config get aligns values as the terminal shows them", async () => {
  await machine.works(["config", "set", "username", "👨‍👩‍👧‍👦"]);
  const stdout = await machine.works(["config", "get"], { columns: 120, env: { NO_COLOR: "1" } });
  const line = (name: string) => stdout.split("\n").find((text) => text.startsWith(name)) ?? "";
  const fullWidth = line("url").indexOf("  profile local");
  const label = "username".padEnd(line("url").indexOf("http"));
  expect(line("username")).toBe(`${label}👨‍👩‍👧‍👦${" ".repeat(fullWidth - label.length - 2)}  profile local`);
});
