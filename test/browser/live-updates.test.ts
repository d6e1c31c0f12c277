import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { expectUsable, type Window } from "../support/browser/browser-window.js";
import { it as rehearsed } from "../support/browser/rehearsal.js";

const it = rehearsed.extend("window", { scope: "file" }, ({ rehearsal }) => rehearsal.signIn());

/** The tab has the session of the window. */
async function newTab(window: Window, path: string): Promise<Page> {
  const page = await window.page.context().newPage();
  await page.goto(path);
  return page;
}

const outages = (id: string) => `/console/callbacks/${id}/outages`;

/** The page tells its script that it is visible or hidden. */
async function setVisibility(page: Page, state: "visible" | "hidden"): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"))`);
}

describe("an outage", () => {
  it("appears by itself and goes on, and what the reader does on the page stays", async ({ rehearsal, window }) => {
    const { page } = window;
    const id = await rehearsal.api.create({ name: "Replies", url: rehearsal.endpointUrl, retriesEnabled: false });
    await page.goto(outages(id));
    await page.getByText("No outage so far").waitFor();
    await expectUsable(window);
    await page.evaluate("document.isSamePage = true");

    await rehearsal.fail(id, 2, 503);
    await page.getByRole("heading", { name: /^Outage of / }).waitFor();
    await page.locator("#changes", { hasText: "Replies: failing" }).waitFor({ state: "attached" });

    const numbers = page.getByText("The numbers of the chart");
    await numbers.click();
    await page.getByRole("link", { name: "24 hours" }).focus();
    await rehearsal.fail(id, 3, 503);
    await page.getByRole("definition").filter({ hasText: /^5$/ }).first().waitFor();
    expect(await page.getByRole("region", { name: /^Attempts and backlog/ }).isVisible()).toBe(true);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("24 hours");

    await setVisibility(page, "hidden");
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await rehearsal.fail(id, 1, 503);
    rehearsal.answer(200);
    await rehearsal.api.hand(id, ["accepted"]);
    await rehearsal.settled(id, "SUCCESS", 1);
    expect(requests).toEqual([]);
    await setVisibility(page, "visible");
    await page.getByText("open, recovering").first().waitFor();
    await page.getByRole("definition").filter({ hasText: /^6$/ }).first().waitFor();
    expect(await page.evaluate("document.isSamePage")).toBe(true);
    await expectUsable(window);
  });
});

describe("the list of callbacks", () => {
  it("gets and loses rows by itself, and the focus stays in its row", async ({ rehearsal, window }) => {
    const page = await newTab(window, "/console");
    await rehearsal.api.create({ name: "middle", url: rehearsal.endpointUrl });
    const focused = page.getByRole("link", { name: "Edit: middle" });
    await focused.focus();
    const id = await rehearsal.api.create({ name: "before it", url: rehearsal.endpointUrl });
    const row = page.getByRole("link", { name: "Edit: before it" });
    await row.waitFor();
    await rehearsal.api.fetch(`/callbacks/${id}`, { method: "DELETE" });
    await row.waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("Edit: middle");
    await page.close();
  });
});

describe("seven tabs of one browser", () => {
  it("are all kept up to date, and leave connections for more: they share one stream", async ({ rehearsal, window }) => {
    const names = ["one", "two", "three", "four", "five", "six", "seven"];
    const ids = await Promise.all(names.map((name) => rehearsal.api.create({ name, url: rehearsal.endpointUrl })));
    const tabs: Page[] = [];
    for (const id of ids) {
      const tab = await newTab(window, outages(id));
      await tab.getByText("No outage so far").waitFor();
      tabs.push(tab);
    }
    for (const id of ids) await rehearsal.fail(id, 1, 500);
    await Promise.all(tabs.map((tab) => tab.getByRole("heading", { name: /^Outage of / }).waitFor()));
    await window.page.reload();
    for (const tab of tabs) await tab.close();
  });
});

describe("a page", () => {
  it("has a stream of its own in a browser without shared workers", async ({ rehearsal, window }) => {
    const id = await rehearsal.api.create({ name: "alone", url: rehearsal.endpointUrl });
    const page = await newTab(window, "/console");
    await page.addInitScript("delete globalThis.SharedWorker");
    await page.goto(outages(id));
    await page.getByText("No outage so far").waitFor();
    await rehearsal.fail(id, 1, 500);
    await page.getByRole("heading", { name: /^Outage of / }).waitFor();
    await page.close();
  });

  it("goes on being kept up to date after the service was restarted, and says that the session has ended", async ({
    rehearsal,
    window,
  }) => {
    const page = await newTab(window, "/console");
    await rehearsal.restart();
    await rehearsal.api.create({ name: "after the restart", url: rehearsal.endpointUrl });
    await page.getByRole("link", { name: "Edit: after the restart" }).waitFor();
    await window.page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out").waitFor();
  });
});
