/**
 * Commands as processes, against services that differ from ours in what they return and accept.
 * Covers: src/runs/plan/call-scope.ts
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import {
  type PlatformCall,
  type PlatformOptions,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { Home, type Outcome } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint } from "../support/replay/replay-desk.js";

const SETTINGS = { auth: { type: "queryparam", key: "planted-key" }, contentType: "json", retriesEnabled: false };

let home: Home;
let endpoint: CountingEndpoint;
let platform: ScriptedPlatform;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

beforeEach(async () => {
  home = new Home();
  endpoint = await countingEndpoint();
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await home.leave();
});

interface Scene extends Partial<PlatformOptions> {
  readonly calls: PlatformCall[];
  readonly settings?: Readonly<Record<string, unknown>>;
}

async function open({ calls, settings = SETTINGS, ...over }: Scene): Promise<void> {
  const callback = { id: "528F17736481BA9A", name: "demo", url: endpoint.url, key: null, settings, calls };
  platform = scriptedPlatform({ clock: systemClock, callbacks: [callback], ...over });
  listening = await platform.listen();
}

function whcb(...args: readonly string[]): Promise<Outcome> {
  return home.whcb(args, { env: { WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" } });
}

describe("a list whose rows move while it is read", () => {
  it.each([
    { isTotalOpen: false, settled: 5 },
    { isTotalOpen: true, settled: 5 },
    { isTotalOpen: false, settled: 20 },
    { isTotalOpen: true, settled: 20 },
  ])("is read again until nothing is missing: %o", async ({ isTotalOpen, settled }) => {
    const calls = platformCalls(40);
    // Calls of the first page are settled after it, so that as many aren't on the second one, or nothing is.
    const onPage = (pages: number): void => {
      if (pages === 1) for (const call of calls.slice(0, settled)) call.status = "SUCCESS";
    };
    await open({ calls, isTotalOpen, onPage });
    const { code, stdout } = await whcb("replay", "demo", "--failed", "--dry-run", "-o", "ndjson");
    const planned = stdout
      .trimEnd()
      .split("\n")
      .map((line): string => JSON.parse(line).id);
    expect({ code, planned: [...planned].sort() }).toEqual({ code: 0, planned: calls.map(({ id }) => id).sort() });
  });

  it("of one page is read once", async () => {
    await open({ calls: platformCalls(20), isTotalOpen: true });
    await whcb("replay", "demo", "--failed", "--dry-run");
    expect(platform.requests.filter(({ path }) => path.includes("/calls?")).length).toBe(1);
  });
});
