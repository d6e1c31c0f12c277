import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectUsable, openBrowser, openWindow, type Window } from "../support/browser/browser-window.js";
import { Rehearsal } from "../support/browser/rehearsal.js";
import { USER_ENV } from "../support/process/served-api.js";

let browser: Browser;
let rehearsal: Rehearsal;

beforeAll(async () => {
  [browser, rehearsal] = await Promise.all([openBrowser(), Rehearsal.begin()]);
});

afterAll(async () => {
  await browser?.close();
  await rehearsal?.end();
});

async function signIn(): Promise<Window> {
  const window = await openWindow(browser, rehearsal.url);
  await window.page.goto("/console/sign-in");
  await window.page.getByLabel("User").fill(USER_ENV.WHCB_USERNAME);
  await window.page.getByLabel("Password").fill(USER_ENV.WHCB_PASSWORD);
  await window.page.keyboard.press("Enter");
  await window.page.getByRole("heading", { name: "Manage API Callbacks" }).waitFor();
  return window;
}

const outages = (id: string) => `/console/callbacks/${id}/outages`;

/** What the page says of itself to its script. */
async function setVisibility(page: Page, state: "visible" | "hidden"): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"))`);
}

describe("an outage", () => {
  it("appears by itself and goes on, and what the reader does on the page stays", async () => {
    const window = await signIn();
    const { page } = window;
    const id = await rehearsal.api.create({ name: "Replies", url: rehearsal.endpointUrl, retriesEnabled: false });
    await page.goto(outages(id));
    await page.getByText("No outage so far").waitFor();
    await expectUsable(window);
    await page.evaluate("document.isSamePage = true");

    rehearsal.answer(503);
    await rehearsal.api.hand(id, ["A", "B"]);
    await page.getByRole("heading", { name: /^Outage of / }).waitFor();
    await page.locator("#changes", { hasText: "Replies: failing" }).waitFor({ state: "attached" });

    const numbers = page.getByText("The numbers of the chart");
    await numbers.click();
    await page.getByRole("link", { name: "24 hours" }).focus();
    await rehearsal.api.hand(id, ["C", "D", "E"]);
    await page.getByRole("definition").filter({ hasText: /^5$/ }).first().waitFor();
    expect(await page.getByRole("region", { name: /^Attempts and backlog/ }).isVisible()).toBe(true);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("24 hours");

    await setVisibility(page, "hidden");
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await rehearsal.api.hand(id, ["F"]);
    await expect.poll(() => rehearsal.api.count(id, "FAILED")).toBe(6);
    rehearsal.answer(200);
    await rehearsal.api.hand(id, ["G"]);
    await expect.poll(() => rehearsal.api.count(id, "SUCCESS")).toBe(1);
    expect(requests).toEqual([]);
    await setVisibility(page, "visible");
    await page.getByText("open, accepting again").first().waitFor();
    await page.getByRole("definition").filter({ hasText: /^6$/ }).first().waitFor();
    expect(await page.evaluate("document.isSamePage")).toBe(true);
    await expectUsable(window);
    await window.close();
  });
});

describe("the list of callbacks", () => {
  it("gets and loses rows by itself, and the focus stays in its row", async () => {
    const { page, close } = await signIn();
    await rehearsal.api.create({ name: "middle", url: rehearsal.endpointUrl });
    const focused = page.getByRole("link", { name: "Edit: middle" });
    await focused.focus();
    const id = await rehearsal.api.create({ name: "before it", url: rehearsal.endpointUrl });
    const row = page.getByRole("link", { name: "Edit: before it" });
    await row.waitFor();
    await rehearsal.api.fetch(`/callbacks/${id}`, { method: "DELETE" });
    await row.waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("Edit: middle");
    await close();
  });
});

describe("seven tabs of one browser", () => {
  it("are all kept up to date, and leave connections for more: they share one stream", async () => {
    const { page, close } = await signIn();
    const names = ["one", "two", "three", "four", "five", "six", "seven"];
    const ids = await Promise.all(names.map((name) => rehearsal.api.create({ name, url: rehearsal.endpointUrl })));
    const tabs: Page[] = [];
    for (const id of ids) {
      const tab = await page.context().newPage();
      await tab.goto(outages(id));
      await tab.getByText("No outage so far").waitFor();
      tabs.push(tab);
    }
    rehearsal.answer(500);
    for (const id of ids) expect((await rehearsal.api.hand(id, [`${id}1`])).status).toBe(202);
    await Promise.all(tabs.map((tab) => tab.getByRole("heading", { name: /^Outage of / }).waitFor()));
    await page.reload();
    await close();
  });

  it("are told that the session has ended", async () => {
    const { page, close } = await signIn();
    const id = await rehearsal.api.create({ name: "last", url: rehearsal.endpointUrl });
    const tab = await page.context().newPage();
    await tab.goto(outages(id));
    await page.getByRole("button", { name: "Sign out" }).click();
    await tab.getByText("You are signed out").waitFor();
    await close();
  });
});
