/** Pages in a real browser, at a size and in a colour scheme. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { findChromium, NO_CHROMIUM } from "./chromium.js";

export interface Look {
  /** CSS pixels. */
  readonly width: 360 | 1280;
  readonly colorScheme: "light" | "dark";
}

export const LOOKS: readonly Look[] = ([360, 1280] as const).flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
);

/** Throws where no Chromium is installed, with what to install. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === null) throw new Error(NO_CHROMIUM);
  return chromium.launch({ executablePath });
}

export interface Window {
  readonly page: Page;
  /** Of the page's scripts, and what its Content-Security-Policy blocked. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** With cookies of its own. Relative addresses are those of the service at `url`. */
export async function openWindow(
  browser: Browser,
  url: string,
  { width = 1280, colorScheme = "light", hasScript = true }: Partial<Look> & { readonly hasScript?: boolean } = {},
): Promise<Window> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height: 800 },
    colorScheme,
    javaScriptEnabled: hasScript,
    timezoneId: "Europe/Paris",
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (message) => {
    // A page that answers with an error status is none of the script.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  return { page, errors, close: () => context.close() };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe calls serious or critical: rule, elements and advice. */
export async function seriousProblems(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const { violations }: AxeResults = await page.evaluate("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}

/** For a reader with a screen reader, and one whose screen is narrow: nothing serious by axe, and no scrolling to the side. */
export async function expectUsable({ page, errors }: Window): Promise<void> {
  expect(await seriousProblems(page), page.url()).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"), page.url()).toBe(0);
  expect(errors, page.url()).toEqual([]);
}
