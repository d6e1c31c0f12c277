/** I10: randomness, time and the wire are injected, so the same seed makes the same log, byte for byte. */
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/dispatcher/dispatcher-deps.js";
import { DispatchRun } from "../support/dispatcher/dispatch-run.js";
import { MINUTE } from "../support/dispatcher/simulation.js";
import { seededRandom } from "../support/time/seeded-random.js";

/** Some hours of a service whose users and endpoints act by the seed; returns every request, call, attempt, outage and mail. */
async function logOf(seed: number): Promise<string> {
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random.fraction() * items.length)] as Item;
  const policy = { intervalMs: 5 * MINUTE, windowMs: 60 * MINUTE, jitter: true };
  const { gatherMs: _, ...limits } = DEFAULT_LIMITS;
  const run = await DispatchRun.open({ policy, callbacks: 3, seed, limits: { ...limits, batch: 64 } });
  for (let step = 0; step < 60; step += 1) {
    const callback = step % 3;
    const act = pick(["accept", "accept", "become", "advance", "advance", "advance", "replayAll", "toggle", "edit"] as const);
    if (act === "accept") await run.play({ act, callback, count: pick([1, 7, 30]) });
    else if (act === "become")
      await run.play({ act, callback, behaviour: pick(["up", "down", "flapping", "choosy", "slow"] as const) });
    else if (act === "advance") await run.play({ act, ms: pick([1_000, MINUTE, 5 * MINUTE, 20 * MINUTE]) });
    else await run.play({ act, callback });
  }
  await run.end();
  const { store, sent } = run.sim;
  const lines: unknown[] = [...sent];
  for (const { settings } of run.model.callbacks.values()) {
    const { items } = await store.calls.list(settings.id, { limit: 10_000, offset: 0, filter: {}, sort: [] });
    const attempts = await store.calls.listAttempts(
      settings.id,
      items.map(({ id }) => id),
    );
    for (const call of items) lines.push(call, attempts.get(call.id));
    lines.push(await store.outages.list({ limit: 1_000, offset: 0, callbackId: settings.id }));
  }
  lines.push(await store.mails.fetchQueued(Number.MAX_SAFE_INTEGER, 1_000));
  await store.close();
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

describe("the simulation", () => {
  it("gives the same log for the same seed, byte for byte, and another one for another", async () => {
    const log = await logOf(1);
    expect(log.length).toBeGreaterThan(10_000);
    expect(await logOf(1)).toBe(log);
    expect(await logOf(2)).not.toBe(log);
  });
});
