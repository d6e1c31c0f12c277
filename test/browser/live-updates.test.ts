import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { expectUsable, seeChange, type Window } from "../support/browser/browser-window.js";
import { rehearsedWith } from "../support/browser/rehearsal.js";

/** Sessions outlive a restart at such a name. */
const it = rehearsedWith(["--allow-host", "127.0.0.1"]).extend("window", { scope: "file" }, ({ rehearsal }) =>
  rehearsal.signIn(),
);

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

describe("a list of calls", () => {
  it("that a mark has emptied keeps its undo when more calls come", async ({ rehearsal, window }) => {
    const id = await rehearsal.api.create({ name: "marked", url: rehearsal.endpointUrl, retriesEnabled: false });
    await rehearsal.fail(id, 2, 503);
    const page = await newTab(window, `/console/callbacks/${id}/calls`);
    await page.getByLabel(/^Select all/).check();
    await page.getByRole("button", { name: "Mark successful" }).click();
    // An action leaves out what has changed in the last half second.
    const confirm = page.getByRole("button", { name: "Mark 2 calls successful" });
    await seeChange({ page, hasScript: false }, confirm);
    await confirm.click();
    await page.getByText("No failed calls").waitFor();
    await rehearsal.fail(id, 1, 503);
    await page.getByRole("table", { name: "Calls" }).waitFor();
    await page.getByRole("link", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Mark 2 calls failed again" }).click();
    await rehearsal.settled(id, "FAILED", 3);
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

describe("a page whose service is silent", () => {
  const lost = /^No connection since \d\d:\d\d:\d\d \+0[12]:00\. This page shows the state at that time\. Reconnecting…$/;

  it("says since when, in each tab, until it is kept up to date again", async ({ rehearsal, window }) => {
    const id = await rehearsal.api.create({ name: "silent", url: rehearsal.endpointUrl, retriesEnabled: false });
    const [page, other] = [await newTab(window, "/console"), await newTab(window, outages(id))];
    const tabs = [page, other];
    for (const tab of tabs) await tab.getByText("live", { exact: true }).waitFor();

    rehearsal.pause();
    for (const tab of tabs) {
      await tab.getByText(lost).waitFor();
      await tab.locator(".top-bar", { hasText: /as of \d\d:\d\d:\d\d \+0[12]:00/ }).waitFor();
    }
    rehearsal.goOn();
    for (const tab of tabs) {
      await tab.getByText("live", { exact: true }).waitFor();
      await tab.locator("#changes", { hasText: "This page is kept up to date again." }).waitFor({ state: "attached" });
      expect(await tab.getByText(lost).count()).toBe(0);
    }

    await rehearsal.kill();
    for (const tab of tabs) await tab.getByText(lost).waitFor();
    await rehearsal.restart();
    await rehearsal.fail(id, 1, 503);
    await page.getByText("live", { exact: true }).waitFor();
    await other.getByRole("heading", { name: /^Outage of / }).waitFor();
    for (const tab of tabs) await tab.close();
  });

  it("says nothing of it while its tab is hidden, and no sooner than it could have heard", async ({ window }) => {
    const page = await newTab(window, "/console");
    await page.getByText("live", { exact: true }).waitFor();
    await setVisibility(page, "hidden");
    await page.clock.install();
    await page.clock.fastForward(60_000);
    await setVisibility(page, "visible");
    expect(await page.getByText(lost).count()).toBe(0);
    await page.getByText("live", { exact: true }).waitFor();
    await page.close();
  });
});

describe("a page", () => {
  it("without scripts says when it was made", async ({ rehearsal }) => {
    await using window = await rehearsal.signIn({ width: 360, hasScript: false });
    expect(await window.page.locator(".top-bar").textContent()).toMatch(/as of \d\d:\d\d:\d\d UTC/);
    await expectUsable(window);
  });

  it("says that too many pages are kept up to date", async ({ window }) => {
    const page = await newTab(window, "/console");
    await page.addInitScript("delete globalThis.SharedWorker");
    await page.route("**/console/events?*", (route) => route.fulfill({ status: 429, headers: { "retry-after": "30" } }));
    await page.clock.install();
    await page.reload();
    await page.clock.fastForward(6_000);
    await page.getByText(/^Too many pages are kept up to date\. This one shows the state at \d/).waitFor();
    await page.locator(".top-bar", { hasText: "as of" }).waitFor();
    await page.close();
  });

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
