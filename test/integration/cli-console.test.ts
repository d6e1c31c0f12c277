/** `whcb console` runs with a real service. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { openRecordedPlatform, PLATFORM_USER } from "../support/platform/recorded-platform.js";

let machine: CliMachine;
let opened: string[];
let hasBrowser: boolean;

beforeEach(() => {
  opened = [];
  hasBrowser = true;
  machine = new CliMachine({
    openInBrowser: async (url) => {
      opened.push(url);
      return hasBrowser;
    },
  });
});

afterEach(() => machine.leave());

const CODE = "[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}";

test("it prints the address and a code that signs in", async () => {
  const { url } = await machine.serve([]);
  const { code, stdout, stderr } = await machine.whcb(["console"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "the code works once, within 5 minutes\n" });
  expect(stdout).toMatch(new RegExp(`^${url}/console\ncode {2}${CODE}\n$`));
  expect(opened).toEqual([]);

  const page = await fetch(`${url}/console/sign-in`);
  const [, token = ""] = /name="token" value="([^"]+)"/.exec(await page.text()) ?? [];
  const [cookie = ""] = page.headers.getSetCookie().map((line) => line.split(";")[0]);
  const body = new URLSearchParams({ token, code: stdout.trim().slice(-14) });
  const answer = await fetch(`${url}/console/sign-in`, { method: "POST", headers: { cookie }, body, redirect: "manual" });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(".localhost:")]);
});

test("--open opens the address, never with the code", async () => {
  const { url } = await machine.serve([]);
  const { stdout, stderr } = await machine.whcb(["console", "--open", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({
    url: `${url}/console`,
    code: expect.stringMatching(CODE),
    expiresAt: expect.stringMatching(/^20.*Z$/),
  });
  expect([opened, stderr]).toEqual([[`${url}/console`], ""]);
  hasBrowser = false;
  const without = await machine.whcb(["console", "--open"]);
  expect([without.code, without.stderr]).toEqual([
    0,
    expect.stringContaining("no browser could be started; open the address yourself\n"),
  ]);
});

test("a database file has none, and the error says how to get one", async () => {
  const db = machine.path("x.db");
  await (await machine.serve(["--db", db])).stop();
  expect(await machine.whcb(["console"], { env: { WHCB_URL: db } })).toEqual({
    code: 4,
    stdout: "",
    stderr: `error: a database file has no console\nhint: start its service with \`whcb serve --db ${db}\`, and use the profile that it names\n`,
  });
});

test("the platform has none, and a wrong key is still wrong", async () => {
  const platform = await openRecordedPlatform({ edition: "openapi", callbacks: [] });
  const { username, password, apiKey } = PLATFORM_USER;
  const env = { WHCB_URL: platform.url, WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
  expect(await machine.whcb(["console"], { env })).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: ${platform.url} has no console\nhint: it is part of \`whcb serve\`\n`,
  });
  const wrong = await machine.whcb(["console"], { env: { ...env, WHCB_API_KEY: "wrong" } });
  expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining("API key")]);
  await platform.close();
});
