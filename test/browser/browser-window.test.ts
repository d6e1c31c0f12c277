/** The other browser tests rely on these rules. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectUsable, LOOKS, openBrowser, openWindow, seriousProblems } from "../support/browser/browser-window.js";

const PAGES: Readonly<Record<string, string>> = {
  "/good": "<main><h1>Good</h1><p>Text</p></main>",
  "/bad": `<main><h1>Bad</h1><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><input></main>`,
  "/wide": `<main><h1>Wide</h1><svg width="1000" height="20" role="img" aria-label="wide"></svg></main>`,
  "/barred": `<main><h1>Barred</h1><div style="height: 20px; overflow: auto"><p style="height: 21px; margin: 0"></p></div></main>`,
  "/touching": `<style>th, td { padding: 0; border-spacing: 0 }</style><main><h1>Touching</h1><table style="border-collapse: collapse">
    <tr><td>1</td><td>2026-11-26</td></tr></table></main>`,
  "/faint": `<style>@media (prefers-color-scheme: dark) { p { color: #ccc } }</style><main><h1>Faint</h1><p>Text</p></main>`,
  "/blocked": "<main><h1>Blocked</h1><p>Text</p></main><script>document.title = 'run'</script>",
};

let browser: Browser;
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer(({ url: path = "" }, response) => {
    response.setHeader("content-type", "text/html");
    response.setHeader(
      "content-security-policy",
      "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:",
    );
    response.end(`<!doctype html><html lang="en"><title>Page</title><body>${PAGES[path] ?? ""}</body></html>`);
  }).listen(0, "127.0.0.1");
  browser = await openBrowser();
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await browser?.close();
  server.close();
});

describe("a page", () => {
  it("is examined in the looks that are wanted, and is left as it was", async () => {
    await using window = await openWindow(browser, url, { width: 360, colorScheme: "dark", looks: LOOKS });
    await window.page.goto("/good");
    await expectUsable(window);
    const isDark = "matchMedia('(prefers-color-scheme: dark)').matches";
    expect([await window.page.evaluate("innerWidth"), await window.page.evaluate(isDark)]).toEqual([360, true]);
  });

  it.each([
    ["/wide", "at 360 px"],
    ["/faint", "at 360 px, dark"],
    ["/barred", "at 360 px"],
    ["/touching", "at 360 px"],
  ])("that isn't usable in one of them isn't usable: %s", async (path, look) => {
    await using window = await openWindow(browser, url, { looks: LOOKS });
    await window.page.goto(path);
    await expect(expectUsable(window)).rejects.toThrow(`${path} ${look}`);
  });

  it("under a strict policy is still examined, and its problems are named", async () => {
    await using window = await openWindow(browser, url);
    const { page } = window;
    await page.goto("/bad");
    expect(await seriousProblems(page)).toEqual([
      expect.stringMatching(/^image-alt: <img/),
      expect.stringMatching(/^label: <input/),
    ]);
  });

  it("whose script the policy blocks isn't usable", async () => {
    await using window = await openWindow(browser, url);
    await window.page.goto("/blocked");
    await expect(expectUsable(window)).rejects.toThrow("/blocked");
    expect(await window.page.title()).toBe("Page");
  });
});
