/** Commands change the settings at the same time. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyWithoutDriver, Home } from "../support/process/whcb-process.js";

const NAMES = ["a", "b", "c", "d", "e", "f"];

let home: Home;

beforeEach(() => {
  home = new Home();
  const profiles = Object.fromEntries(NAMES.map((name) => [name, { url: `https://${name}.example.com` }]));
  mkdirSync(dirname(settingsFile()), { recursive: true });
  writeFileSync(settingsFile(), JSON.stringify({ current: "a", profiles }), { mode: 0o600 });
});

afterEach(() => home.leave());

const settingsFile = () => home.path("config", "config.json");

test("each of several commands at once keeps what the others have set", async () => {
  const outcomes = await Promise.all([
    home.whcb(["profiles", "use", "b"]),
    ...NAMES.map((name) => home.whcb(["config", "set", "country", "AU", "--profile", name])),
  ]);
  expect(outcomes.map(({ code }) => code)).toEqual(outcomes.map(() => 0));
  expect(JSON.parse(readFileSync(settingsFile(), "utf8"))).toEqual({
    current: "b",
    profiles: Object.fromEntries(NAMES.map((name) => [name, { url: `https://${name}.example.com`, country: "AU" }])),
  });
  expect(readdirSync(home.path("config")).sort()).toEqual(["config.json", "config.json.lock"]);
});

test("without the driver of SQLite, which locks files, the settings are changed as well", async () => {
  copyWithoutDriver(home.path("package"));
  const outcome = await home.whcb(["profiles", "use", "b"], { bin: home.path("package", "bin", "whcb.js") });
  expect(outcome).toEqual({ code: 0, stdout: "", stderr: "the current profile is b (https://b.example.com)\n" });
});

test("a profile that is made the current one is reported with the variables that go before it", async () => {
  const env = { WHCB_URL: "https://a.example.com", WHCB_PROFILE: "b", WHCB_USERNAME: "u" };
  expect(await home.whcb(["profiles", "use", "b"], { env })).toMatchObject({
    code: 0,
    stderr: `the current profile is b (https://b.example.com)
warning: commands take WHCB_URL, WHCB_USERNAME instead of what the profile has: unset WHCB_URL WHCB_USERNAME
`,
  });
});
