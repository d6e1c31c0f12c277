/** Another program had the service's port while that was stopped, and the browser visited it then. */
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type RequestListener } from "node:http";
import { expect } from "vitest";
import { it } from "../support/browser/rehearsal.js";
import { eventually } from "../support/process/whcb-process.js";

/** It gets each request of the pages at this port, and passes it on. */
const WORKER = `
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));`;
const PAGE = `<h1>Theirs</h1><script>
  navigator.serviceWorker.register("/worker.js", { scope: "/" }).then(() => navigator.serviceWorker.ready).then(() => {
    document.title = "registered";
  });</script>`;

/** Has the service's port until the function returned ends it. */
async function takePort(url: string, hosts: readonly string[], answer: RequestListener): Promise<() => Promise<void>> {
  const servers = hosts.map((host) => createServer(answer).listen(Number(new URL(url).port), host));
  await Promise.all(servers.map((server) => once(server, "listening")));
  return async () => {
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
}

it("the session that an open page has sent it is worth nothing, and the page says that it has ended", async ({ rehearsal }) => {
  await using window = await rehearsal.signIn();
  const { page } = window;
  const address = page.url();
  await page.getByText("live", { exact: true }).waitFor();
  await rehearsal.kill();
  let cookie = "";
  const release = await takePort(rehearsal.url, ["127.0.0.1", "::1"], ({ headers }, response) => {
    if (headers.cookie?.includes("whcb-session")) cookie = headers.cookie;
    response.writeHead(503).end();
  });
  await eventually(
    async () => cookie,
    (text) => text !== "",
  );
  await release();
  await rehearsal.restart();

  const { port, host } = new URL(address);
  const stolen = await new Promise<IncomingMessage>((resolve) => {
    get({ host: "127.0.0.1", port, path: "/console", headers: { host, cookie } }, resolve);
  });
  stolen.resume();
  expect([stolen.statusCode, stolen.headers.location]).toEqual([303, "/console/sign-in?to=%2Fconsole"]);
  await page.getByText("You are signed out").waitFor();
});

it("its service worker and its cached pages aren't there once somebody signs in", async ({ rehearsal }) => {
  await using window = await rehearsal.openWindow();
  const { page } = window;
  await rehearsal.kill();
  const release = await takePort(rehearsal.url, ["127.0.0.1"], (request, response) => {
    const isWorker = request.url === "/worker.js";
    response.writeHead(200, {
      "content-type": isWorker ? "text/javascript" : "text/html",
      "cache-control": "max-age=31536000, immutable",
    });
    response.end(isWorker ? WORKER : PAGE);
  });
  for (const path of ["/console/sign-in", "/console/cached"]) {
    await page.goto(path);
    await page.waitForFunction("document.title === 'registered'");
  }
  await release();
  await rehearsal.restart();

  await page.goto("/console?q=not-cached");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(await page.evaluate("navigator.serviceWorker.controller")).toBeNull();
  await page.goto("/console/cached");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
