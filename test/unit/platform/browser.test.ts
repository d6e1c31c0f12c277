import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openInBrowser } from "../../../src/platform/browser.js";
import { systemClock } from "../../../src/platform/clock.js";
import { IS_WINDOWS } from "../../support/system.js";

let folder: string;
const file = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-browser-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const URL = "http://127.0.0.1:8787/console?a=b&c=d";

it.skipIf(IS_WINDOWS).each([
  ["linux", "xdg-open", URL],
  ["darwin", "open", URL],
  ["win32", "rundll32", `url.dll,FileProtocolHandler ${URL}`],
] as const)("starts the program of %s with the address as one argument", async (platform, program, args) => {
  writeFileSync(file(program), `#!/bin/sh\necho "$@" > ${file("part")}\n/bin/mv ${file("part")} ${file("args")}\n`);
  chmodSync(file(program), 0o755);
  expect(await openInBrowser(URL, platform, { PATH: folder })).toBe(true);
  while (!existsSync(file("args"))) await systemClock.nextTurn();
  expect(readFileSync(file("args"), "utf8")).toBe(`${args}\n`);
});

it.skipIf(IS_WINDOWS)("gives the browser none of whcb's variables, as some are secret", async () => {
  writeFileSync(file("xdg-open"), `#!/bin/sh\n/usr/bin/env > ${file("part")}\n/bin/mv ${file("part")} ${file("env")}\n`);
  chmodSync(file("xdg-open"), 0o755);
  const env = { PATH: folder, DISPLAY: ":0", WHCB_PASSWORD: "s3cret", whcb_api_key: "s3cret" };
  expect(await openInBrowser(URL, "linux", env)).toBe(true);
  while (!existsSync(file("env"))) await systemClock.nextTurn();
  const given = readFileSync(file("env"), "utf8");
  expect([given.includes("DISPLAY=:0\n"), given.includes("s3cret")]).toEqual([true, false]);
});

it("returns false if there is none", async () => {
  expect(await openInBrowser(URL, "linux", { PATH: folder })).toBe(false);
});
