/** The network of a replay does everything wrong. WHCB_FAULT_CALLS=5000 makes it as long as a bad day. */
import { afterEach, describe, expect, it } from "vitest";
import { createClient } from "../../src/client/client.js";
import { createHttpTransport } from "../../src/client/http-transport.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemRandom } from "../../src/platform/random.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { aResponse } from "../support/builders.js";
import { startFaultProxy } from "../support/client/fault-proxy.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService, USER } from "../support/server/server-fixture.js";
import { hastyClock } from "../support/time/hasty-clock.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const CALLS = Number(process.env.WHCB_FAULT_CALLS ?? 500);
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface ServiceBehind {
  readonly url: string;
  /** Returns how many calls have which status. */
  statuses(): Promise<Readonly<Record<string, number>>>;
}

const counted = (statuses: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Like `whcb serve`, it is the app on a real store, on a socket. */
async function whcbServe(endpointUrl: string): Promise<ServiceBehind> {
  const service = await openService();
  closing.push(() => closeService(service));
  const url = await service.app.listen({ host: "127.0.0.1", port: 0 });
  const client = await clientOf(url);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: endpointUrl });
  await client.submitCalls(
    id,
    Array.from({ length: CALLS }, () => ({ response: aResponse() })),
  );
  const startedAt = systemClock.now() - 60_000;
  const attemptOf = (_: unknown, index: number) => ({ result: BUSY, startedAt: startedAt + index });
  await recordAttempts(service.store, await pendingCalls(service.store, id), attemptOf);
  return {
    url,
    async statuses() {
      const listed: string[] = [];
      for await (const { calls } of client.listCalls(id, { filter: {} })) listed.push(...calls.map(({ status }) => status));
      return counted(listed);
    },
  };
}

async function platform(endpointUrl: string): Promise<ServiceBehind> {
  const calls = platformCalls(CALLS);
  const callback = { id: "00112233445566AA", name: "demo", url: endpointUrl, key: "an-endpoint-s-key", calls };
  const listening = await scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] }).listen();
  closing.push(listening.close);
  return { url: listening.url, statuses: async () => counted(calls.map(({ status }) => status)) };
}

async function clientOf(url: string, clock = systemClock) {
  const transport = await createHttpTransport({ url, timers: systemTimers });
  return createClient(transport, { credentials: USER, rate: null, timezone: "UTC", clock, random: systemRandom });
}

describe.each([
  ["whcb serve", whcbServe],
  ["the platform", platform],
])("a replay against %s with 429, 403, 500, cuts, delays, and repeated or shifted pages", (_, open) => {
  it(`ends with all ${CALLS} calls SUCCESS and none sent twice`, { timeout: 300_000 }, async () => {
    const endpoint = await countingEndpoint();
    closing.push(endpoint.close);
    const service = await open(endpoint.url);
    const proxy = await startFaultProxy({ target: service.url, seed: 11, share: 0.5, pageSize: 20 });
    const desk = openDesk({ client: await clientOf(proxy.url, hastyClock), clock: hastyClock });
    closing.push(proxy.close, desk.leave);

    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps, desk.listener);
    expect(plan.calls).toBe(CALLS);
    const summary = await runReplay(plan, DEFAULT_REPLAY_OPTIONS, desk.deps, desk.listener);

    expect(summary.error).toBeNull();
    expect(summary.counts).toMatchObject({ planned: CALLS, accepted: CALLS, marked: CALLS, notFound: 0, unknown: 0 });
    expect(await service.statuses()).toEqual({ SUCCESS: CALLS });
    expect(endpoint.received.length).toBe(CALLS);
    expect(new Set(endpoint.received).size).toBe(CALLS);
    // Each fault took its turn.
    expect(Object.values(proxy.counts).filter((count) => count === 0)).toEqual([]);
    if (CALLS > 500) process.stdout.write(`${JSON.stringify({ CALLS, ...proxy.counts, durationMs: summary.durationMs })}\n`);
  });
});
