import { describe, expect, it } from "vitest";
import type { DeliveryResult } from "../../../src/domain/attempt.js";
import { openJournalFile } from "../../../src/runs/journal/journal.js";
import { planReplay } from "../../../src/runs/plan/plan-replay.js";
import type { RunDeps } from "../../../src/runs/run-deps.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../src/runs/run-options.js";
import { runReplay } from "../../../src/runs/run-replay.js";
import { ACCEPTED } from "../../support/builders.js";
import { platformCalls, scriptedPlatform } from "../../support/platform/scripted-platform.js";
import { type Desk, openDesk } from "../../support/replay/replay-desk.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const KEY = "an-endpoint-s-secret-key";

function deskWhere(result: DeliveryResult, count: number, over: Partial<RunDeps> = {}): Desk {
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: KEY, calls: platformCalls(count) };
  const platform = scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] });
  const deliverer = { deliverIf: async () => ({ result, retryAfterMs: null }) };
  return openDesk({ transport: platform.transport(), over: { deliverer, ...over } });
}

async function replay(deps: RunDeps) {
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, deps);
  return runReplay(plan, DEFAULT_REPLAY_OPTIONS, deps);
}

describe("a run", () => {
  it("marks only what is on disk as accepted", async () => {
    let written = "";
    let onDisk = "";
    const early: string[] = [];
    const desk = deskWhere(ACCEPTED, 230, {
      openJournalFile(path, at) {
        const file = openJournalFile(path, at);
        return {
          ...file,
          write(bytes) {
            written += Buffer.from(bytes).toString("utf8");
            return file.write(bytes);
          },
          sync(done) {
            const upTo = written;
            file.sync((error) => {
              onDisk = upTo;
              done(error);
            });
          },
        };
      },
    });
    const { client } = desk.deps;
    const watched: RunDeps["client"] = {
      ...client,
      markCalls(callbackId, ids, status) {
        early.push(...ids.filter((id) => !onDisk.includes(`{"step":"accepted","call":"${id}"`)));
        return client.markCalls(callbackId, ids, status);
      },
    };
    const summary = await replay({ ...desk.deps, client: watched });
    await desk.leave();
    expect(summary.counts.marked).toBe(230);
    expect(early).toEqual([]);
  });
});
