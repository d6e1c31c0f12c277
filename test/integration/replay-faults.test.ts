/** A replay through a network that does everything wrong. WHCB_FAULT_CALLS=5000 makes it as long as a bad day. */
import { afterEach, describe, expect, it } from "vitest";
import { createHttpTransport } from "../../src/client/http-transport.js";
import type { Clock } from "../../src/platform/clock.js";
import { systemClock } from "../../src/platform/clock.js";
import { planReplay } from "../../src/reconcile/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/reconcile/run-options.js";
import { runReplay } from "../../src/reconcile/run-replay.js";
import { startFaultProxy } from "../support/fault-proxy.js";
import { countingEndpoint, openDesk } from "../support/replay-desk.js";
import { platformCalls, scriptedPlatform } from "../support/scripted-platform.js";
import { VirtualClock } from "../support/virtual-clock.js";

const CALLS = Number(process.env.WHCB_FAULT_CALLS ?? 500);
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Waits a twentieth of what it is asked to: back-off of seconds, in a test of seconds. */
const hastyClock: Clock = {
  ...systemClock,
  sleepUntil: (at, signal) => systemClock.sleepUntil(systemClock.now() + Math.max(0, at - systemClock.now()) / 20, signal),
};

describe("a replay through 429, 403, 500, cuts, delays, and pages that come twice or shifted", () => {
  it(`ends with each of ${CALLS} calls SUCCESS, and none sent twice`, { timeout: 300_000 }, async () => {
    const calls = platformCalls(CALLS);
    const endpoint = await countingEndpoint();
    const callback = { id: "00112233445566AA", name: "demo", url: endpoint.url, key: "an-endpoint-s-key", calls };
    const platform = await scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] }).listen();
    const proxy = await startFaultProxy({ target: platform.url, seed: 11, share: 0.5 });
    const desk = openDesk({ transport: await createHttpTransport({ url: proxy.url }), clock: hastyClock });
    closing.push(endpoint.close, platform.close, proxy.close, desk.leave);

    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps, desk.listener);
    expect(plan.calls).toBe(CALLS);
    const summary = await runReplay(plan, DEFAULT_REPLAY_OPTIONS, desk.deps, desk.listener);

    expect(summary.error).toBeNull();
    expect(summary.counts).toMatchObject({ planned: CALLS, accepted: CALLS, marked: CALLS, unmarkable: 0, unknown: 0 });
    expect(calls.filter(({ status }) => status !== "SUCCESS")).toEqual([]);
    expect(endpoint.received.length).toBe(CALLS);
    expect(new Set(endpoint.received).size).toBe(CALLS);
    // Each fault took its turn.
    expect(Object.values(proxy.counts).filter((count) => count === 0)).toEqual([]);
  });
});
