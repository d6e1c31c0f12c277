/** A loopback address, or a database file, doesn't tell who serves there. */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";
import { OUTAGE_SERVICE, replayOutage } from "../support/replay/replay-outage.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

async function serveAt(url: string, args: readonly string[], env = {}): Promise<void> {
  const serving = home.start(["serve", "--db", home.path("x.db"), "--port", new URL(url).port, ...args], { env });
  await serving.says(/Listening on/);
}

const portFiles = () => readdirSync(home.paths.data).filter((name) => name.startsWith("port-"));

const REPLAY = ["replay", "demo", "--failed", "--yes"];
const REFUSED = { code: 2, stderr: expect.stringContaining("127.0.0.1 isn't a public address") };

it("names no private address at the port of a killed service, if it has another user's data folder", async () => {
  const serving = await home.serve(OUTAGE_SERVICE);
  const outage = await replayOutage(home, 3, undefined, { isServed: true });
  await serving.stop("SIGKILL");
  expect(portFiles()).not.toEqual([]);
  const other = { WHCB_DATA_DIR: home.path("other") };
  await serveAt(serving.url, [], other);
  const env = { WHCB_URL: serving.url };
  expect(await home.whcb(REPLAY, { env })).toMatchObject(REFUSED);
  expect(outage.received()).toEqual([]);
  expect(await home.whcb(REPLAY, { env: { ...env, ...other } })).toMatchObject({ code: 0 });
  await outage.close();
});

it("names no private address if it keeps the public rules, which a stopped one doesn't", async () => {
  const serving = await home.serve(OUTAGE_SERVICE);
  const outage = await replayOutage(home, 3, undefined, { isServed: true });
  await serving.stop();
  expect(portFiles()).toEqual([]);
  const file = { env: { WHCB_URL: home.path("x.db") } };
  expect(await home.whcb([...REPLAY, "--limit", "1"], file)).toMatchObject({ code: 0 });
  await serveAt(serving.url, ["--host", "0.0.0.0"]);
  expect(await home.whcb(REPLAY, file)).toMatchObject(REFUSED);
  expect(await home.whcb(REPLAY, { env: { WHCB_URL: serving.url } })).toMatchObject(REFUSED);
  expect(outage.received()).toHaveLength(1);
  await outage.close();
});
