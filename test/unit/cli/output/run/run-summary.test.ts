import { describe, expect, test } from "vitest";
import { balanceText, finishRun } from "../../../../../src/cli/output/run/run-summary.js";
import { openScreen } from "../../../../../src/cli/output/screen.js";
import type { RunSummary } from "../../../../../src/runs/end-run.js";
import { NO_COUNTS } from "../../../../../src/runs/journal/run-counts.js";
import type { RunCounts } from "../../../../../src/runs/journal/run-step.js";
import { balanceOf } from "../../../../../src/runs/run-reconcile.js";
import { captureIo } from "../../../../support/cli/cli-streams.js";

const MIXED: RunCounts = {
  ...NO_COUNTS,
  planned: 20,
  seen: 4,
  accepted: 5,
  rejected: 1,
  unknown: 2,
  left: 3,
  notFound: 1,
  skipped: { settled: 3, order: 1 },
};

describe("the balance of a reconcile", () => {
  test("counts each part by itself", () => {
    expect(balanceOf(20, MIXED)).toEqual({ failed: 20, seen: 4, accepted: 5, settledMeanwhile: 3, stillFailing: 8, missing: 0 });
    expect(balanceText(balanceOf(20, MIXED))).toBe(
      "balance: 20 failed = 4 seen + 5 accepted + 3 settled meanwhile + 8 still failing",
    );
  });

  test("leaves out what there is none of", () => {
    const counts = { ...NO_COUNTS, seen: 2, accepted: 2 };
    expect(balanceText(balanceOf(4, counts))).toBe("balance: 4 failed = 2 seen + 2 accepted + 0 still failing");
  });

  test("says so when a call was lost, or counted twice", () => {
    expect(balanceText(balanceOf(21, MIXED))).toMatch(/8 still failing, which is 1 too few$/);
    expect(balanceText(balanceOf(18, MIXED))).toMatch(/8 still failing, which is 2 too many$/);
  });

  test("that is wrong ends the command with items-failed, even if nothing else failed", async () => {
    const io = captureIo();
    const screen = await openScreen(io, { format: "json", noColor: true, utc: true, now: 0 });
    const summary: RunSummary = {
      header: {
        runId: "20261124-120000-ABCD",
        kind: "reconcile",
        profile: "local",
        service: "http://127.0.0.1:8787",
        who: "ada@host",
        startedAt: 0,
        callbacks: [],
        options: null,
      },
      counts: { ...NO_COUNTS, planned: 3, seen: 3 },
      callbacks: [],
      isResumable: false,
      error: null,
      troubled: [],
      rejections: [],
      durationMs: 5,
    };
    expect(await finishRun({ screen }, summary, balanceOf(3, summary.counts))).toBe(0);
    await expect(finishRun({ screen }, summary, balanceOf(4, summary.counts))).rejects.toMatchObject({
      code: "items-failed",
      hint: "`whcb runs show 20261124-120000-ABCD` lists each call",
    });
    expect(io.out()).toContain('"missing": 1');
  });
});
