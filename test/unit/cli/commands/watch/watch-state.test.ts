import { describe, expect, it } from "vitest";
import type { CallbackReading } from "../../../../../src/cli/commands/watch/callback-reader.js";
import { addReading, type WatchedCallback } from "../../../../../src/cli/commands/watch/watch-state.js";
import { aListedCall, aListedCallback, aListedOutage } from "../../../../support/cli/listed.js";

function aReading(changes: Partial<CallbackReading> = {}): CallbackReading {
  const nothing = { pending: 0, failed: 0, succeeded: 0, failures: [], moreFailures: 0, outage: null };
  return { callback: aListedCallback(), readAtMs: 0, ...nothing, ...changes };
}

function watch(...readings: readonly Partial<CallbackReading>[]) {
  let watched: WatchedCallback | null = null;
  let changes: readonly string[] = [];
  for (const reading of readings) {
    const added = addReading(watched, aReading(reading));
    watched = added.watched;
    changes = added.changes.map(({ kind }) => kind);
  }
  if (watched === null) throw new Error("no reading");
  return { watched, changes };
}

describe("rates", () => {
  it("are unknown after one reading", () => {
    expect(watch({}).watched.perSecond).toEqual({ in: null, succeeded: null, failed: null });
  });

  it("count what came in, was delivered and failed, per second", () => {
    const { watched } = watch(
      { readAtMs: 0, pending: 0, failed: 10, succeeded: 100 },
      { readAtMs: 2_000, pending: 4, failed: 12, succeeded: 110, failures: [aListedCall(), aListedCall()], moreFailures: 2 },
    );
    expect(watched.perSecond).toEqual({ in: 8, succeeded: 5, failed: 2 });
  });

  it("are of the last 15 seconds", () => {
    const { watched } = watch({ readAtMs: 0 }, { readAtMs: 20_000, succeeded: 1_000 }, { readAtMs: 22_000, succeeded: 1_002 });
    expect(watched.perSecond.succeeded).toBe(1);
  });

  it("are never negative when old calls are deleted", () => {
    expect(watch({ succeeded: 500 }, { readAtMs: 1_000, succeeded: 100 }).watched.perSecond).toMatchObject({
      in: 0,
      succeeded: 0,
    });
  });

  it("are unknown if the service says no numbers", () => {
    const { watched } = watch({ failed: null, pending: null }, { readAtMs: 1_000, failed: null, pending: null });
    expect([watched.perSecond.in, watched.backlog, watched.drainedInMs]).toEqual([null, null, null]);
  });
});

describe("the backlog", () => {
  it("is empty in the time that it takes at the present rate", () => {
    const { watched } = watch({ failed: 1_000, pending: 20 }, { readAtMs: 2_000, failed: 900, pending: 20 });
    expect([watched.backlog, watched.drainedInMs]).toEqual([920, 18_400]);
  });

  it("has no such time while it grows or stays", () => {
    expect(watch({ failed: 10 }, { readAtMs: 1_000, failed: 10 }).watched.drainedInMs).toBeNull();
    expect(watch({ failed: 10 }, { readAtMs: 1_000, failed: 11 }).watched.drainedInMs).toBeNull();
  });
});

describe("changes", () => {
  const outage = aListedOutage({ id: "ONE" });

  it("are none for the first reading, and for one that is the same", () => {
    expect(watch({ failed: 3, outage }).changes).toEqual([]);
    expect(watch({ failed: 3, outage }, { failed: 3, outage }).changes).toEqual([]);
  });

  it("tell when an outage opens, recovers and closes", () => {
    const recovering = { ...outage, recoveringSince: 5 };
    expect(watch({}, { outage }).changes).toEqual(["outage-opened"]);
    expect(watch({ outage }, { outage: recovering }).changes).toEqual(["outage-recovering"]);
    expect(watch({ outage: recovering }, { outage: recovering }).changes).toEqual([]);
    expect(watch({ outage: recovering }, {}).changes).toEqual(["outage-closed"]);
    expect(watch({ outage }, { outage: aListedOutage({ id: "TWO" }) }).changes).toEqual(["outage-closed", "outage-opened"]);
  });

  it("tell when an endpoint isn't answering, also at first", () => {
    const silent = { callback: aListedCallback({ health: { health: "not-answering", since: 5 } }) };
    expect(watch(silent).changes).toEqual(["not-answering"]);
    expect(watch({}, silent).changes).toEqual(["not-answering"]);
    expect(watch(silent, silent).changes).toEqual([]);
  });

  it("have the failures, oldest first, before the counts", () => {
    const failures = [aListedCall({ id: "NEW" }), aListedCall({ id: "OLD" })];
    const { changes } = addReading(watch({}).watched, aReading({ failed: 9, failures, moreFailures: 7 }));
    expect(changes).toEqual([
      { kind: "failure", call: failures[1] },
      { kind: "failure", call: failures[0] },
      { kind: "more-failures", calls: 7 },
      { kind: "counts" },
    ]);
  });
});
