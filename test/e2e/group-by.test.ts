/**
 * `whcb calls list --group-by` runs as a process: with `serve`, where the service counts, and with a platform, where the list is counted.
 */
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { serveHere } from "../support/process/serve-here.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;
afterEach(() => home.leave());

const ARGV = ["calls", "list", "demo", "--failed", "--group-by", "status-code,from", "--verbose", "-o", "ndjson"];

it("has `serve` count the calls, in one request", async () => {
  home = new Home();
  const endpoint = await home.listen(["--status", "500"]);
  const service = await serveHere(home, [], { env: USER_ENV });
  const api = new ServedApi(service.url);
  await api.create({ name: "demo", url: endpoint.url, retriesEnabled: false });
  await api.hand(
    "demo",
    Array.from({ length: 60 }, (_, index) => callIdOf(index)),
  );
  await eventually(
    () => api.count("demo", "FAILED"),
    (failed) => failed === 60,
  );
  const { code, stdout, stderr } = await home.whcb(ARGV, { env: { ...USER_ENV, WHCB_URL: service.url } });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ callback: "demo", statusCode: 500, from: null, count: 60 });
  expect(stderr.match(/GET \S+\/calls/g)?.length).toBe(1);
});

it("counts the list of a service that ignores groupBy and filters", async () => {
  home = new Home();
  const calls = platformCalls(50, (index) => (index % 10 === 0 ? { callback: { attemptedDate: "24/11/26 10:31" } } : {}));
  for (const call of calls.slice(0, 5)) call.status = "SUCCESS";
  const callbacks = [{ id: "00112233445566AA", name: "demo", url: "https://crm.example.com/hook", key: "k", calls }];
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  platform.ignoreFilters();
  const { url, close } = await platform.listen();
  const env = { ...USER_ENV, WHCB_URL: url };
  const found = await home.whcb(["calls", "list", "demo", "--failed", "--group-by", "status-code,reason", "-o", "json"], { env });
  const ids = await home.whcb(["calls", "list", "demo", "--group-by", "from", "-o", "ids"], { env });
  await close();
  expect(found.code).toBe(0);
  expect(JSON.parse(found.stdout)).toMatchObject([
    { statusCode: 503, reason: "Service Unavailable", count: 41, exampleId: expect.stringMatching(/^[0-9A-F]{32}$/) },
    { statusCode: null, reason: "no-message", count: 4, firstAttemptedDate: "2026-11-24T10:31:00.000Z" },
  ]);
  expect(ids.code).toBe(2);
});
