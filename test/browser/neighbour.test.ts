/** A program of another user on this machine listens on other ports, and the browser visits it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { rehearsedWith } from "../support/browser/rehearsal.js";

const it = rehearsedWith(["--log-level", "info"]);

const neighbours: ChildProcess[] = [];

afterAll(() => {
  for (const child of neighbours) child.kill();
});

const NOBODY = { uid: 65_534, gid: 65_534 };

/** Its port, and what it found. Another user's where the tests may start such a program. */
async function startNeighbour(url: string) {
  const child = spawn(process.execPath, ["--input-type=module", "-", url], {
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
    ...(process.getuid?.() === 0 && NOBODY),
  });
  neighbours.push(child);
  // The other user may not read the file.
  child.stdin.end(readFileSync(join(import.meta.dirname, "..", "support", "attack", "neighbour.mjs")));
  const [line] = await once(child.stdout, "data");
  const port = Number(line);
  const report = async () => (await fetch(`http://127.0.0.1:${port}/report`)).json();
  return { port, report };
}

it("it gets no session, and doesn't learn the name of the host that has one", async ({ rehearsal }) => {
  const early = await startNeighbour(rehearsal.url);
  await using window = await rehearsal.signIn();
  const late = await startNeighbour(rehearsal.url);
  const { page } = window;
  const console = page.url();
  const { hostname, port } = new URL(console);

  for (const neighbour of [early, late]) {
    for (const host of ["127.0.0.1", "localhost", "[::1]", "neighbour.localhost"]) {
      // The browser comes from the console, as by a link.
      await page.goto(console);
      await page.evaluate(`location.href = "http://${host}:${neighbour.port}/console"`);
      await page.getByRole("heading", { name: "Neighbour" }).waitFor();
      await page.getByRole("link", { name: "Console" }).click();
      await page.getByRole("heading", { name: /^(Sign in|Manage API Callbacks)$/ }).waitFor();
    }
  }
  const reports = await Promise.all([early, late].map(({ report }) => report()));
  if (process.getuid?.() === 0) expect(reports.map(({ user }) => user)).toEqual([NOBODY.uid, NOBODY.uid]);
  expect(reports.map(({ requests }) => requests.length >= 4)).toEqual([true, true]);
  expect(reports.flatMap(({ sessions }) => sessions)).toEqual([]);
  const known = JSON.stringify(reports) + rehearsal.log;
  expect([hostname, known.includes(hostname)]).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.localhost$/), false]);
  // Otherwise the browser would send the session's requests there.
  const taken = ["127.0.0.1 EADDRINUSE", "::1 EADDRINUSE"];
  expect(reports.map((report) => report.taken)).toEqual([taken, taken]);

  await page.goto(console);
  await page.getByRole("heading", { name: "Manage API Callbacks" }).waitFor();
  const [cookie] = (await page.context().cookies(console)).filter(({ name }) => name === `whcb-session-${port}`);
  expect(cookie).toMatchObject({ domain: hostname, httpOnly: true, sameSite: "Strict" });
});
