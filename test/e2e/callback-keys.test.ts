/** A callback's key that the service doesn't return comes from the environment or a prompt. */
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { Home } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";

let home: Home;
let endpoint: CountingEndpoint;
let service: { readonly url: string; close(): Promise<void> };

beforeEach(async () => {
  home = new Home();
  writeFileSync(home.path("received"), "");
  endpoint = await countingEndpoint();
  const callback = { id: "528F17736481BA9A", name: "beta", url: endpoint.url, key: null, calls: platformCalls(2) };
  service = await scriptedPlatform({ clock: systemClock, callbacks: [callback] }).listen();
  await home.countAsServed(service.url);
});

afterEach(async () => {
  await service.close();
  await endpoint.close();
  await home.leave();
});

const whcb = (args: readonly string[]) => {
  const env = { WHCB_URL: service.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k", WHCB_CALLBACK_KEY: "KEY" };
  return home.whcb(args, { env });
};

const SOURCE = "key of beta: WHCB_CALLBACK_KEY\n";

test.each([
  ["replay", ["replay", "beta", "--failed"]],
  ["reconcile", ["reconcile", "beta", "--seen", "received", "--allow-empty"]],
])("%s says in its question, and before it sends, that it is the variable's", async (_, args) => {
  const asked = await whcb(args);
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(`${SOURCE}.*again\\?\n`)]);
  expect(endpoint.received).toEqual([]);
  const sent = await whcb([...args, "--yes", "-o", "json"]);
  expect([sent.code, sent.stderr.split(SOURCE).length]).toEqual([0, 2]);
  expect(endpoint.received).toHaveLength(2);
});
