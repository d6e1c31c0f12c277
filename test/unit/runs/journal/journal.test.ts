import { describe, expect, it } from "vitest";
import type { Delivery } from "../../../../src/delivery/deliverer.js";
import { Journal, type JournalFile, openJournalFile } from "../../../../src/runs/journal/journal.js";
import type { RunStep } from "../../../../src/runs/journal/run-step.js";
import { planReplay } from "../../../../src/runs/plan/plan-replay.js";
import type { PlannedCall } from "../../../../src/runs/plan/snapshot-file.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";
import { runReplay } from "../../../../src/runs/run-replay.js";
import { CallChooser } from "../../../../src/runs/send/call-chooser.js";
import { WrittenAheadCalls } from "../../../../src/runs/send/written-ahead-calls.js";
import { ACCEPTED } from "../../../support/builders.js";
import { platformCalls, scriptedPlatform } from "../../../support/platform/scripted-platform.js";
import { openDesk } from "../../../support/replay/replay-desk.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

/** A disk whose flushes end when the test says so. */
function slowDisk() {
  const text: string[] = [];
  const flushes: (() => void)[] = [];
  const file: JournalFile = {
    write: (bytes) => text.push(Buffer.from(bytes).toString("utf8")) && bytes.length,
    sync: (done) => void flushes.push(() => done(null)),
    close: () => undefined,
  };
  return { file, text, flushes };
}

const line = (call: string): RunStep => ({ step: "sent", call, at: 1 });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* calls(count: number): AsyncGenerator<PlannedCall> {
  for (let index = 0; index < count; index++)
    yield { id: `CALL-${index}`, bytes: 0, readBody: () => new Uint8Array(), from: "", message: "" };
}

describe("the journal", () => {
  it("collects what comes during a flush into the next one", async () => {
    const disk = slowDisk();
    const journal = new Journal(disk.file);
    const done: string[] = [];
    for (const call of ["A", "B", "C"]) {
      journal.append(line(call));
      void journal.flushed().then(() => done.push(call));
    }
    expect(disk.flushes.length).toBe(1);
    disk.flushes.shift()?.();
    await turn();
    expect(done).toEqual(["A"]);
    expect(disk.flushes.length).toBe(1);
    disk.flushes.shift()?.();
    await turn();
    expect(done).toEqual(["A", "B", "C"]);
  });

  it("that can't be written says so to all who wait, and to all who come", async () => {
    const journal = new Journal({
      write: (bytes) => bytes.length,
      sync: (done) => setImmediate(() => done(new Error("EIO: i/o error, fdatasync"))),
      close: () => undefined,
    });
    journal.append(line("A"));
    await expect(journal.flushed()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("EIO") });
    await expect(journal.flushed()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a call", () => {
  it("is sent only when its line is on disk", async () => {
    const disk = slowDisk();
    const chooser = new CallChooser(calls(1), null, () => undefined);
    const journal = new Journal(disk.file);
    const writeAhead = (callIds: readonly string[]): Promise<void> => {
      for (const call of callIds) journal.collect(line(call));
      return journal.flushed();
    };
    const writtenAhead = new WrittenAheadCalls(chooser, writeAhead, 64);
    let handedOut: PlannedCall | null = null;
    const waiting = writtenAhead.next().then((call) => {
      handedOut = call;
    });
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(disk.text.join("")).toContain("CALL-0");
    expect(handedOut).toBeNull();
    disk.flushes.shift()?.();
    await waiting;
    expect(handedOut).toMatchObject({ id: "CALL-0" });
  });

  it("takes a slot only when the outcome that freed it is written down", async () => {
    const written: string[] = [];
    let begun = 0;
    let settled = 0;
    const wrong: number[] = [];
    const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls: platformCalls(200) };
    const platform = scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] });
    const desk = openDesk({
      transport: platform.transport(),
      over: {
        openJournalFile(path, at) {
          const file = openJournalFile(path, at);
          return { ...file, write: (bytes) => written.push(Buffer.from(bytes).toString("utf8")) && file.write(bytes) };
        },
        deliverer: {
          async deliver(): Promise<Delivery> {
            begun++;
            const outcomes = written.join("").split('"accepted"').length - 1;
            if (begun - outcomes > 4) wrong.push(begun);
            for (let turns = 0; turns <= begun % 3; turns++) await turn();
            settled++;
            return { result: ACCEPTED, retryAfterMs: null };
          },
          close: async () => undefined,
        },
      },
    });
    const scope = { callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false };
    const plan = await planReplay(scope, desk.deps);
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency: 4 }, desk.deps);
    await desk.leave();
    expect([summary, begun, settled, wrong]).toMatchObject([{ error: null }, 200, 200, []]);
  });
});
