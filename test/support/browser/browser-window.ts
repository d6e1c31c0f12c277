import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "../process/whcb-process.js";
import { findChromium, NO_CHROMIUM } from "./chromium.js";

export interface Look {
  /** The widths are CSS pixels. */
  readonly width: 360 | 1280;
  readonly colorScheme: "light" | "dark";
}

export const LOOKS: readonly Look[] = ([360, 1280] as const).flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
);
/** Between and beyond the looks, only the layout differs. */
const OTHER_WIDTHS = [768, 1920];
const HEIGHT = 800;

/** Throws where no Chromium is installed, with what to install. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === null) throw new Error(NO_CHROMIUM);
  return chromium.launch({ executablePath });
}

export interface WindowOptions extends Partial<Look> {
  readonly hasScript?: boolean;
  readonly timezoneId?: string;
  /** Pages must be usable in these looks. Default: this window's. */
  readonly looks?: readonly Look[];
}

/** The person in a test looks at the console like this. */
export const VISITS = [
  { width: 1280, colorScheme: "light", hasScript: true, looks: LOOKS.filter(({ width }) => width === 1280) },
  { width: 360, colorScheme: "dark", hasScript: true, looks: LOOKS.filter(({ width }) => width === 360) },
  { width: 360, colorScheme: "light", hasScript: false },
] as const satisfies readonly WindowOptions[];

/** Closed at the end of the block that opens it with `await using`. */
export interface Window extends AsyncDisposable {
  readonly page: Page;
  readonly look: Look;
  readonly looks: readonly Look[];
  readonly hasScript: boolean;
  /** These are the errors of the page's scripts, and what its Content-Security-Policy blocked. */
  readonly errors: readonly string[];
}

/** The window has cookies of its own. Relative addresses are those of the service at `url`. */
export async function openWindow(
  browser: Browser,
  url: string,
  { width = 1280, colorScheme = "light", hasScript = true, timezoneId = "Europe/Paris", looks }: WindowOptions = {},
): Promise<Window> {
  const look = { width, colorScheme };
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height: HEIGHT },
    colorScheme,
    javaScriptEnabled: hasScript,
    reducedMotion: "reduce",
    timezoneId,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (message) => {
    // An error status of a page isn't an error of its scripts.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  return { page, look, looks: looks ?? [look], hasScript, errors, [Symbol.asyncDispose]: () => context.close() };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Only these depend on the colours. */
const COLOR_RULES = ["color-contrast", "link-in-text-block"];

/** Returns what axe calls serious or critical: rule, elements and advice. By default all of its rules are applied. */
export async function seriousProblems(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(AXE);
  const options = JSON.stringify({ resultTypes: ["violations"], ...(rules && { runOnly: rules }) });
  const violations: AxeResults["violations"] = await page.evaluate(`axe.run(${options}).then(({ violations }) => violations)`);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}

/**
 * A person would see at once what axe doesn't: needless scroll bars, values that touch the next one, and text that is cut off without an
 * ellipsis and a way to read it, which is a title or the page of its row, or with its table.
 */
const LAYOUT_PROBLEMS = `(() => {
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const bars = [...document.querySelectorAll("body *")].filter((element) => {
    const hidden = element.scrollHeight - element.clientHeight;
    return hidden > 0 && hidden < 8 && /auto|scroll/.test(getComputedStyle(element).overflowY) && seen(element);
  });
  const textBox = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const { top, bottom, left, right, width } = range.getBoundingClientRect();
    const { overflowX, paddingRight } = getComputedStyle(element);
    // What is cut off with an ellipsis ends at the padding.
    const end = element.getBoundingClientRect().right - parseFloat(paddingRight);
    return { top, bottom, left, width, right: overflowX === "hidden" ? Math.min(right, end) : right };
  };
  const shownBox = (cell) => {
    const { left, right, top, bottom, width } = textBox(cell);
    const isHidden = getComputedStyle(cell).overflowX === "hidden";
    return { left, right: isHidden ? Math.min(right, cell.getBoundingClientRect().right) : right, top, bottom, width };
  };
  const touching = [...document.querySelectorAll("tbody tr")].filter(seen).flatMap((row) => {
    const boxes = [...row.children].filter(seen).map((cell) => ({ cell, box: shownBox(cell) })).filter(({ box }) => box.width > 0);
    return boxes.slice(1).flatMap(({ cell, box }, index) => {
      const before = boxes[index].box;
      const isBeside = box.top < before.bottom && before.top < box.bottom && box.left >= before.left;
      return isBeside && box.left - before.right < 4 ? [boxes[index].cell.textContent + "|" + cell.textContent] : [];
    });
  });
  const hasText = ({ childNodes }) => [...childNodes].some(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim() !== "");
  const isCut = (element) => {
    const text = textBox(element);
    for (let frame = element; frame !== document.body; frame = frame.parentElement) {
      const { overflowX, overflowY, textOverflow, webkitLineClamp } = getComputedStyle(frame);
      const box = frame.getBoundingClientRect();
      const isCutBeside = /hidden|clip/.test(overflowX) && (text.right > box.right + 1 || text.left < box.left - 1);
      const isCutBelow = /hidden|clip/.test(overflowY) && text.bottom > box.bottom + 1;
      const canRead = element.closest("[title]") !== null || element.closest("tr")?.querySelector("a[href]");
      if (isCutBeside) return textOverflow !== "ellipsis" || !canRead;
      if (isCutBelow) return webkitLineClamp === "none" || !canRead;
      if (/auto|scroll/.test(overflowX)) return false;
    }
    return false;
  };
  const isClipped = (element) => element !== null && (getComputedStyle(element).clipPath !== "none" || isClipped(element.parentElement));
  const cut = [...document.querySelectorAll("body *")]
    .filter((element) => hasText(element) && seen(element) && isCut(element) && !isClipped(element))
    .map(({ textContent }) => "cut off: " + textContent);
  // A phone scrolls a table of numbers.
  const wide = [...document.querySelectorAll(".table-frame")]
    .filter((frame) => innerWidth >= 768 && seen(frame) && frame.scrollWidth > frame.clientWidth + 1)
    .map((frame) => "wider than the page: " + frame.getAttribute("aria-label"));
  return [...cut, ...wide, ...bars.map(({ tagName, className }) => "scroll bar: " + tagName + "." + className), ...touching];
})()`;

/**
 * Checks the page in each of its looks: axe, which needs scripts, finds nothing serious, the layout has no faults, also at other
 * widths, and there was no error so far.
 */
export async function expectUsable({ page, look, looks, hasScript, errors }: Window): Promise<void> {
  for (const [index, one] of looks.entries()) {
    await show(page, one);
    const where = `${page.url()} at ${one.width} px, ${one.colorScheme}`;
    // The other colours of a width change nothing else.
    const isOfNewWidth = looks.findIndex(({ width }) => width === one.width) === index;
    if (hasScript) expect(await seriousProblems(page, isOfNewWidth ? undefined : COLOR_RULES), where).toEqual([]);
    if (isOfNewWidth) await expectLaidOut(page, where);
  }
  for (const width of looks.some((one) => one.width === 1280) ? OTHER_WIDTHS : []) {
    await page.setViewportSize({ width, height: HEIGHT });
    await expectLaidOut(page, `${page.url()} at ${width} px`);
  }
  await show(page, look);
  expect(errors, page.url()).toEqual([]);
}

async function expectLaidOut(page: Page, where: string): Promise<void> {
  expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"), where).toBe(0);
  expect(await page.evaluate(LAYOUT_PROBLEMS), where).toEqual([]);
}

/** Waits for the page with this heading. */
export async function seePage({ page }: Pick<Window, "page">, name: string | RegExp): Promise<void> {
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** Waits for a change of the page. With scripts, it comes by itself. */
export async function seeChange({ page, hasScript }: Pick<Window, "page" | "hasScript">, change: Locator): Promise<void> {
  if (hasScript) return change.waitFor();
  await eventually(async () => {
    if (!(await change.isVisible())) await page.reload();
    return change.isVisible();
  }, Boolean);
}

/** Waits for a notice or an alert; returns all of it. */
export async function seeNotice({ page }: Window, text: string | RegExp): Promise<string> {
  const notice = page.getByRole("status").or(page.getByRole("alert")).filter({ hasText: text }).first();
  await notice.waitFor();
  return (await notice.textContent()) ?? "";
}

async function show(page: Page, { width, colorScheme }: Look): Promise<void> {
  await page.setViewportSize({ width, height: HEIGHT });
  await page.emulateMedia({ colorScheme });
}
