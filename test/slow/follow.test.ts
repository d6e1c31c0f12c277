/** `whcb calls follow` runs as a process. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { CTRL_C, Terminal } from "../support/process/terminal.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

const ids = (from: number, count: number) => Array.from({ length: count }, (_, index) => callIdOf(from + index));

const linesOf = (following: Running) => following.stdout.split("\n").filter((line) => line !== "");

async function shows(following: Running, lines: number): Promise<readonly string[]> {
  await eventually(
    async () => linesOf(following).length,
    (found) => found >= lines,
  );
  return linesOf(following);
}

async function serveDemo(): Promise<{ service: Running & { url: string }; api: ServedApi; env: Record<string, string> }> {
  const endpoint = await home.listen(["--status", "503"]);
  const service = await home.serve([], { env: USER_ENV });
  const api = new ServedApi(service.url);
  await api.create({ name: "demo", url: endpoint.url, retriesEnabled: false });
  return { service, api, env: { ...USER_ENV, WHCB_URL: service.url } };
}

it("shows each attempt once, through a restart of the service, until Ctrl-C", async () => {
  const { service, api, env } = await serveDemo();
  await api.hand("demo", ids(0, 3));
  await eventually(
    () => api.count("demo", "FAILED"),
    (failed) => failed === 3,
  );
  const following = home.start(["calls", "follow", "demo", "-o", "ndjson"], { env });
  await following.says(/following demo/);
  await api.hand("demo", ids(3, 5));
  await shows(following, 5);
  await service.stop("SIGKILL");
  await following.says(/reconnecting to http/);
  await home.serve(["--port", new URL(service.url).port], { env: USER_ENV });
  await api.hand("demo", ids(8, 5));
  const lines = (await shows(following, 10)).map((line) => JSON.parse(line));
  expect(lines.map(({ callId }) => callId).sort()).toEqual(ids(3, 10));
  expect(lines[0]).toMatchObject({ callback: "demo", number: 1, cause: "first", statusCode: 503, sentFrom: null, error: null });
  const { code, stderr } = await following.stop("SIGINT");
  expect(code).toBe(130);
  const waits = "((the service fails|waiting for the service's answer) .+\\n)*";
  const reconnects = `(${waits}reconnecting to \\S+: .+\\n${waits}connected to \\S+ again\\n)+`;
  expect(stderr).toMatch(new RegExp(`^following demo; Ctrl-C ends\\n${reconnects}$`));
});

it("shows lines on a terminal, of all callbacks", async () => {
  const { api, env } = await serveDemo();
  const terminal = Terminal.whcb(home, ["calls", "follow"], { columns: 140, env });
  await terminal.shows(/following all callbacks/);
  await api.hand("demo", ids(0, 1));
  await terminal.shows(new RegExp(`demo {2}first 1 +\\d+m?s {2}${callIdOf(0)} {2}503 {3}Service Unavailable`));
  terminal.type(CTRL_C);
  expect((await terminal.closed()).code).toBe(130);
});

it("ends without a word when its reader has gone", async () => {
  const { api, env } = await serveDemo();
  const following = home.start(["calls", "follow", "demo"], { env });
  await following.says(/following demo/);
  following.child.stdout.destroy();
  await api.hand("demo", ids(0, 1));
  const { code, stderr } = await following.ended;
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);
});

it("shows the last attempts of a platform's calls", async () => {
  const calls = platformCalls(45);
  const callbacks = [{ id: "00112233445566AA", name: "demo", url: "https://crm.example.com/hook", key: "k", calls }];
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const { url, close } = await platform.listen();
  const following = home.start(["calls", "follow", "demo"], { env: { ...USER_ENV, WHCB_URL: url, TZ: "UTC" } });
  await following.says(/following demo/);
  const last = { attemptedDate: "24/11/26 09:40", statusCode: "500", statusMessage: "Internal Server Error" };
  calls.unshift(...platformCalls(46, () => ({ callback: last })).slice(45));
  const [line = ""] = await shows(following, 1);
  expect(line).toBe(["2026-11-24 09:40:00", "demo", "", "", calls[0]?.id, "500", "Internal Server Error"].join("\t"));
  const { stdout } = await following.stop("SIGINT");
  await close();
  expect(stdout).toBe(`${line}\n`);
});
