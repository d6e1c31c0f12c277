/** Another program had the service's port while that was stopped, and the browser visited it then. */
import { once } from "node:events";
import { createServer } from "node:http";
import { expect } from "vitest";
import { it } from "../support/browser/rehearsal.js";

/** It gets each request of the pages at this port, and passes it on. */
const WORKER = `
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));`;
const PAGE = `<h1>Theirs</h1><script>
  navigator.serviceWorker.register("/worker.js", { scope: "/" }).then(() => navigator.serviceWorker.ready).then(() => {
    document.title = "registered";
  });</script>`;

it("its service worker and its cached pages aren't there once somebody signs in", async ({ rehearsal }) => {
  await using window = await rehearsal.openWindow();
  const { page } = window;
  await rehearsal.kill();
  const other = createServer((request, response) => {
    const isWorker = request.url === "/worker.js";
    response.writeHead(200, {
      "content-type": isWorker ? "text/javascript" : "text/html",
      "cache-control": "max-age=31536000, immutable",
    });
    response.end(isWorker ? WORKER : PAGE);
  });
  await once(other.listen(Number(new URL(rehearsal.url).port), "127.0.0.1"), "listening");
  for (const path of ["/console/sign-in", "/console/cached"]) {
    await page.goto(path);
    await page.waitForFunction("document.title === 'registered'");
  }
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
  await rehearsal.restart();

  await page.goto("/console?q=not-cached");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(await page.evaluate("navigator.serviceWorker.controller")).toBeNull();
  await page.goto("/console/cached");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
