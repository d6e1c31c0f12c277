/** whcb 0.1.0 wrote the journals in test/fixtures/0.1.0/journals, and every later version reads and resumes them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { readBootId } from "../../src/runs/journal/journal.js";
import { listRuns, readRun } from "../../src/runs/journal/stored-runs.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { lockFile } from "../../src/store/sqlite/lock-database.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";

const CALLBACK = "E144AFFF416B30EB";
/** This one was killed with two requests in flight, six acceptances unmarked and more sends written ahead. */
const KILLED = "20261125-045038-26E1";
/** This one was interrupted twice. One call was rejected, one deferred, one settled meanwhile. */
const INTERRUPTED = "20261125-045043-432D";
const INTERRUPTED_RECONCILE = "20261125-045049-B849";
/** The fixtures have this boot id. */
const BOOT_ID = "3f1c0a52-0000-4000-8000-6d2b7e000001";

let runsDirectory: string;
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  runsDirectory = mkdtempSync(join(tmpdir(), "whcb-journals-"));
  cpSync(join(import.meta.dirname, "..", "fixtures", "0.1.0", "journals"), runsDirectory, { recursive: true });
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(runsDirectory, { recursive: true });
});

const folder = () => ({ runsDirectory, lockFile, clock: systemClock });

/** Returns the counts that aren't 0. */
function nonZero(counts: object): Record<string, number> {
  const entries = Object.entries(counts).flatMap(([key, value]) =>
    typeof value === "object" ? Object.entries(value) : [[key, value]],
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== 0));
}

async function stateByCall(runId: string): Promise<string[]> {
  return (await readRun(folder(), runId)).calls.map(({ state, isMarked }) => (isMarked ? `${state}, marked` : state));
}

/** Changes the journal as if the machine hadn't been started again since the run was killed. */
async function pretendSameBoot(runId: string): Promise<void> {
  const path = join(runsDirectory, `${runId}.ndjson`);
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(BOOT_ID, await readBootId(systemClock)));
}

/** Resumes the run against a service that still lists as FAILED what the journal doesn't have as marked. */
async function resume(runId: string, resendUnknown = false) {
  const endpoint = await countingEndpoint();
  const { calls: recorded } = await readRun(folder(), runId);
  const calls = recorded.map(({ id, isMarked }, index): PlatformCall => {
    const [call] = platformCalls(1, () => ({ messageId: String(index).padStart(32, "0") }));
    return { fields: call?.fields ?? {}, id, status: isMarked ? "SUCCESS" : "FAILED" };
  });
  const callback = { id: CALLBACK, name: "demo", url: endpoint.url, key: "an-endpoint-s-key", calls };
  // A list has the newest call first.
  calls.reverse();
  const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
  const desk = openDesk({ transport: platform.transport(), over: { runsDirectory, profile: "local" } });
  closing.push(endpoint.close, desk.leave);
  const summary = await resumeRun(runId, { resendUnknown }, desk.deps);
  return {
    counts: nonZero(summary.counts),
    received: endpoint.received,
    failed: calls
      .filter(({ status }) => status === "FAILED")
      .map(({ id }) => id)
      .reverse(),
  };
}

describe("journals of version 0.1.0", () => {
  it("are listed with their states and counts", async () => {
    const runs = await listRuns(folder());
    expect(runs.map(({ runId, kind, state, counts }) => [runId, kind, state, nonZero(counts)])).toEqual([
      ["20261125-045052-5BCE", "mark-failed", "finished", { planned: 3, marked: 3 }],
      ["20261125-045050-7FED", "replay", "finished", { planned: 4, requested: 4 }],
      [INTERRUPTED_RECONCILE, "reconcile", "unfinished", { planned: 8, accepted: 2, seen: 3, left: 3, marked: 5 }],
      ["20261125-045047-CD27", "replay", "finished", { planned: 6, accepted: 4, rejected: 1, order: 1, marked: 4 }],
      ["20261125-045045-6EB0", "mark-success", "finished", { planned: 2, notFound: 1, marked: 1 }],
      [INTERRUPTED, "replay", "unfinished", { planned: 16, accepted: 9, rejected: 1, settled: 1, left: 5, marked: 9 }],
      ["20261125-045039-225E", "mark-success", "finished", { planned: 14, marked: 14 }],
      [KILLED, "replay", "unfinished", { planned: 14, accepted: 6, unknown: 6, left: 2, toMark: 6 }],
      ["20261125-045036-1BF8", "replay", "finished", { planned: 6, accepted: 6, marked: 6 }],
    ]);
  });

  it("have the same counts when every line is read", async () => {
    for (const { runId, counts } of await listRuns(folder())) {
      expect((await readRun(folder(), runId)).counts).toEqual(counts);
    }
  });

  it("show what happened to each call", async () => {
    expect(await stateByCall("20261125-045045-6EB0")).toEqual(["marked, marked", "not-found"]);
    expect(await stateByCall("20261125-045047-CD27")).toEqual([
      "accepted, marked",
      "accepted, marked",
      "rejected",
      "accepted, marked",
      "skipped",
      "accepted, marked",
    ]);
    expect((await readRun(folder(), INTERRUPTED)).calls[2]).toEqual({
      id: "01A2110AA23D771788507D2D9E5DCCDB",
      callbackId: CALLBACK,
      state: "rejected",
      isMarked: false,
      statusCode: 422,
      message: "Unprocessable Entity",
      at: 1795582243431,
    });
  });

  it("can be resumed: accepted calls are marked, unsent calls are sent", async () => {
    const before = (await readRun(folder(), INTERRUPTED)).calls;
    const { counts, received, failed } = await resume(INTERRUPTED);
    expect(counts).toEqual({ planned: 16, accepted: 14, rejected: 1, settled: 1, marked: 14 });
    expect(received).toEqual(before.filter(({ state }) => state === "left").map(({ id }) => id));
    expect(failed).toEqual(before.filter(({ state }) => state === "rejected" || state === "skipped").map(({ id }) => id));
    expect(await resume(INTERRUPTED_RECONCILE)).toMatchObject({
      counts: { planned: 8, accepted: 5, seen: 3, marked: 8 },
      failed: [],
    });
  });

  it("of a killed process leave at most its concurrency unknown", async () => {
    await pretendSameBoot(KILLED);
    const { counts, received, failed } = await resume(KILLED);
    expect(counts).toEqual({ planned: 14, accepted: 12, unknown: 2, marked: 12 });
    expect([received.length, failed.length]).toEqual([6, 2]);
    const resent = await resume(KILLED, true);
    expect(resent).toEqual({ counts: { planned: 14, accepted: 14, marked: 14 }, received: failed, failed: [] });
  });

  it("of a machine that lost power leave every written-ahead send unknown", async () => {
    expect(await resume(KILLED)).toMatchObject({ counts: { planned: 14, accepted: 8, unknown: 6, marked: 8 } });
  });

  it("may end in a cut line", async () => {
    await pretendSameBoot(KILLED);
    const path = join(runsDirectory, `${KILLED}.ndjson`);
    writeFileSync(path, readFileSync(path).subarray(0, -40));
    const { counts } = await resume(KILLED);
    expect(counts).toEqual({ planned: 14, accepted: 12, unknown: 2, marked: 12 });
  });
});
