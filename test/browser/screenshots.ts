/** `npm run screenshots` takes the pictures of the README from the demo's service. */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { expectUsable, openBrowser, openWindow, seePage } from "../support/browser/browser-window.js";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

const FOLDER = join(REPOSITORY, "docs", "images");
const MOST_BYTES = 150 * 1024;

it("are written to docs/images", async () => {
  const home = new Home();
  const browser = await openBrowser();
  try {
    const demo = home.start(["demo", "--keep"], { env: { TMPDIR: home.folder } });
    const [, url = ""] = await demo.says(/Listening on (http:\/\/\S+)\/console/);
    const [, code = ""] = await demo.says(/code {2}(\S+)/);
    await using window = await openWindow(browser, url);
    const { page } = window;
    const take = async (name: string, height: number) => {
      await expectUsable(window);
      const path = join(FOLDER, `${name}.png`);
      await page.screenshot({ path, clip: { x: 0, y: 0, width: window.look.width, height } });
      expect(statSync(path).size, name).toBeLessThan(MOST_BYTES);
    };
    mkdirSync(FOLDER, { recursive: true });
    await page.goto("/console");
    await page.getByLabel("Or a code").fill(code);
    await page.keyboard.press("Enter");
    await seePage(window, "Manage API Callbacks");

    await page.getByRole("row", { name: "Delivery reports" }).getByRole("link", { name: "Outages" }).click();
    await seePage(window, "Delivery reports");
    await take("console-outage", 789);

    await page.getByRole("link", { name: "Callbacks", exact: true }).first().click();
    await page.getByRole("row", { name: "Replies CRM" }).getByRole("link", { name: "Calls" }).click();
    await seePage(window, "Replies CRM");
    await take("console-calls", 764);
  } finally {
    await browser.close();
    await home.leave();
  }
}, 300_000);
