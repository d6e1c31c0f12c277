import { describe, expect, test } from "vitest";
import { balanceText, finishRun, renderSummary } from "../../../../../src/cli/output/run/run-summary.js";
import { openScreen } from "../../../../../src/cli/output/screen.js";
import { NO_COUNTS } from "../../../../../src/runs/journal/run-counts.js";
import type { RunCounts } from "../../../../../src/runs/journal/run-step.js";
import type { RunSummary } from "../../../../../src/runs/perform-run.js";
import { balanceOf } from "../../../../../src/runs/run-reconcile.js";
import { captureIo } from "../../../../support/cli/cli-streams.js";

const MIXED: RunCounts = {
  ...NO_COUNTS,
  planned: 20,
  seen: 4,
  accepted: 5,
  twice: 2,
  rejected: 1,
  unknown: 2,
  left: 3,
  notFound: 1,
  marked: 4,
  skipped: { settled: 3, order: 1, reopened: 0 },
};

function aSummary(counts: RunCounts, reconcile?: RunSummary["header"]["reconcile"]): RunSummary {
  return {
    header: {
      runId: "20261124-120000-ABCD",
      kind: "reconcile",
      profile: "local",
      service: "http://127.0.0.1:8787",
      who: "ada@host",
      startedAt: 0,
      callbacks: [],
      options: null,
      ...(reconcile === undefined ? {} : { reconcile }),
    },
    counts,
    callbacks: [],
    isResumable: false,
    error: null,
    troubled: [],
    rejections: [],
    unmarked: [],
    service: null,
    durationMs: 5,
  };
}

function balanceLine(failed: number, ambiguous = 0): string {
  const balance = balanceOf(aSummary(MIXED, { failed, ambiguous }));
  return balance === null ? "" : balanceText(balance);
}

describe("the balance of a reconcile", () => {
  test("counts each part by itself", () => {
    expect(balanceOf(aSummary(MIXED, { failed: 25, ambiguous: 5 }))).toEqual({
      failed: 25,
      seen: 4,
      accepted: 5,
      twice: 2,
      rejected: 1,
      unknown: 2,
      notSent: 4,
      ambiguous: 5,
      settledMeanwhile: 4,
      missing: 0,
    });
    expect(balanceLine(25, 5)).toBe(
      "balance: 25 failed = 4 seen + 5 accepted (2 maybe twice) + 1 rejected + 2 unknown + 4 not sent + 5 ambiguous + 4 settled meanwhile",
    );
  });

  test("says so if a call was lost, or counted twice", () => {
    expect(balanceLine(21)).toMatch(/4 settled meanwhile, which is 1 too few$/);
    expect(balanceLine(18)).toMatch(/4 settled meanwhile, which is 2 too many$/);
  });

  test("of a run of 0.1.0 begins with the planned calls, and a replay has none", () => {
    const summary = aSummary(MIXED);
    expect(balanceOf(summary)).toMatchObject({ failed: 20, ambiguous: 0, missing: 0 });
    expect(balanceOf({ ...summary, header: { ...summary.header, kind: "replay" } })).toBeNull();
  });

  test("that is wrong ends the command with items-failed, even if nothing else failed", async () => {
    const io = captureIo();
    const screen = await openScreen(io, { format: "json", noColor: true, utc: true, now: 0 });
    const counts = { ...NO_COUNTS, planned: 3, seen: 3, marked: 3 };
    await finishRun(aSummary(counts, { failed: 3, ambiguous: 0 }), screen);
    await expect(finishRun(aSummary(counts, { failed: 4, ambiguous: 0 }), screen)).rejects.toMatchObject({
      code: "items-failed",
      hint: "`whcb runs show 20261124-120000-ABCD` lists each call",
    });
    expect(io.out()).toContain('"missing": 1');
  });
});

test("a summary says how many unknown calls it doesn't list, and what lists them", async () => {
  const { renderOptions } = await openScreen(captureIo(), { format: "table", noColor: true, utc: true, now: 0 });
  const call = { callbackId: "A", state: "unknown", isMarked: false, statusCode: null, message: null, at: 0 } as const;
  const summary = { ...aSummary({ ...NO_COUNTS, planned: 5, accepted: 1, unknown: 4 }), troubled: [{ ...call, id: "B" }] };
  const more = "  unknown B\n  and 3 more that are unknown or not found: `whcb runs show 20261124-120000-ABCD` lists all\n";
  expect(renderSummary(summary, renderOptions).toString()).toContain(more);
  const listed = { ...summary, counts: { ...summary.counts, unknown: 1 } };
  expect(renderSummary(listed, renderOptions).toString()).not.toContain("more");
});

test("a summary shows what the service did, and how to follow or cancel the rest", async () => {
  const { renderOptions } = await openScreen(captureIo(), { format: "table", noColor: true, utc: true, now: 0 });
  const summary = { ...aSummary({ ...NO_COUNTS, planned: 9, requested: 9 }) };
  const replay = { ...summary, header: { ...summary.header, kind: "replay" as const } };
  const service = { total: 9, succeeded: 4, failed: 2, settled: 0, cancelled: 0, left: 3 };
  expect(renderSummary({ ...replay, service }, renderOptions).toString()).toBe(
    [
      "4 of 9 calls replayed in 5ms (run 20261124-120000-ABCD)",
      "  requested  9",
      "  succeeded     4",
      "  failed again  2",
      "  not sent yet  3",
      "",
      "next: whcb replay --resume 20261124-120000-ABCD",
      "  or: whcb runs discard 20261124-120000-ABCD  (cancels what the service has not sent)",
      "",
    ].join("\n"),
  );
  const ofFile = { ...replay, service, header: { ...replay.header, service: "/data/x.db" } };
  expect(renderSummary(ofFile, renderOptions).toString()).toContain(
    "\nnext, while `whcb serve --db /data/x.db` runs: whcb replay --resume 20261124-120000-ABCD\n",
  );
});
