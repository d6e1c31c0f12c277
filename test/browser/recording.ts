/** `npm run recording` plays an outage in a terminal, with the real program, and writes the README's docs/images/recording.svg. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { animate, type Written } from "../support/browser/animated-screens.js";
import { apiOf } from "../support/process/served-api.js";
import { DOWN, ENTER, Terminal } from "../support/process/terminal.js";
import { BIN, eventually, Home, REPOSITORY } from "../support/process/whcb-process.js";

const SIZE = { columns: 96, rows: 23 };
const KEY_MS = 55;
const LOOK_MS = 1_400;

it("is written to docs/images", async () => {
  await using home = new Home();
  await home.serve();
  const broken = await home.listen(["--port", "9000", "--status", "500"]);
  await home.whcb(["callbacks", "create", "--name", "crm", "--url", `${broken.url}/replies`, "--email", "ops@example.com"]);
  const fail = async (count: number, all: number) => {
    await home.whcb(["trigger", "crm", "-n", String(count)]);
    await eventually(
      () => apiOf(home).count("crm", "FAILED"),
      (failed) => failed === all,
    );
  };
  await fail(17, 17);
  await broken.stop();
  const down = await home.listen(["--port", "9000", "--status", "503"]);
  await fail(183, 200);

  mkdirSync(home.path("bin"));
  symlinkSync(BIN, home.path("bin", "whcb"));
  const terminal = Terminal.shell(home, { ...SIZE, env: { PATH: `${home.path("bin")}:${process.env.PATH}` } });
  await terminal.shows("$");
  const written: Written[] = [];
  const recorder = setInterval(() => {
    const known = written.reduce((length, { data }) => length + data.length, 0);
    const data = terminal.written.slice(known);
    if (data !== "") written.push({ atMs: performance.now(), data });
  }, 40);
  const type = async (text: string) => {
    for (const key of text) {
      terminal.type(key);
      await delay(KEY_MS);
    }
    await delay(5 * KEY_MS);
  };
  const press = async (key: string, shown: RegExp | string) => {
    terminal.type(key);
    await terminal.shows(shown);
    await delay(LOOK_MS);
  };

  await type("whcb status");
  await press(ENTER, /triage crm\n\$$/);
  await type("whcb triage crm");
  await press(ENTER, /> +183 {2}503/);
  await press(DOWN, /> +17 {2}500/);
  await press(ENTER, "all of them");
  await press("q", /triage crm\n\$$/);
  await down.stop();
  await home.listen(["--port", "9000", "--delay", "100ms"]);
  await type("# the endpoint is repaired");
  await press(ENTER, /repaired\n\$$/);
  await type("whcb replay crm --failed");
  await press(ENTER, "[y/N]");
  await press("y\r", /marked +200[\s\S]*\$$/);
  // Replies go on coming.
  await home.whcb(["trigger", "crm"]);
  await eventually(
    async () => (await home.whcb(["status", "crm"])).stdout,
    (status) => status.startsWith("crm  up"),
  );
  await type("whcb status");
  await press(ENTER, /no failed calls\n\$$/);
  clearInterval(recorder);
  const svg = await animate(written, SIZE);
  expect(svg.length).toBeLessThan(100_000);
  writeFileSync(join(REPOSITORY, "docs", "images", "recording.svg"), svg);
}, 120_000);
