/** The README's recording plays from its first screen, and shows only its last one to people who want no motion. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBrowser } from "../support/browser/browser-window.js";
import { REPOSITORY } from "../support/process/whcb-process.js";

const RECORDING = pathToFileURL(join(REPOSITORY, "docs", "images", "recording.svg")).href;

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(() => browser.close());

it.each([
  ["no-preference", "play", "first"],
  ["reduce", "none", "last"],
] as const)(
  "with the preference %s its animation is %s, and it begins with its %s screen",
  async (reducedMotion, animation, shown) => {
    await using context = await browser.newContext({ reducedMotion });
    const page = await context.newPage();
    await page.goto(RECORDING);
    const film = page.locator(".film");
    expect(await film.evaluate((drawn) => getComputedStyle(drawn).animationName)).toBe(animation);
    await film.evaluate((drawn) => {
      for (const played of drawn.getAnimations()) {
        played.pause();
        played.currentTime = 0;
      }
    });
    const { left, right } = await page.locator(`.film > g:${shown}-child`).evaluate((drawn) => drawn.getBoundingClientRect());
    expect([left >= 0, right <= 1_000]).toEqual([true, true]);
  },
);

it("ends without a failed call", async () => {
  await using context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(RECORDING);
  const rows = await page
    .locator(".film > g:last-child > use")
    .evaluateAll((uses) => uses.map((use) => document.querySelector(use.getAttribute("href") ?? "")?.textContent ?? ""));
  expect(rows.at(-2)).toBe("no failed calls");
});
