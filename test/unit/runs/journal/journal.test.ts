import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Delivery } from "../../../../src/delivery/deliverer.js";
import { Journal, type JournalFile, openJournalFile, readJournal } from "../../../../src/runs/journal/journal.js";
import { type RunStep, stepText } from "../../../../src/runs/journal/run-step.js";
import { planReplay } from "../../../../src/runs/plan/plan-replay.js";
import type { PlannedCall } from "../../../../src/runs/plan/snapshot-file.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";
import { runReplay } from "../../../../src/runs/run-replay.js";
import { CallChooser, WrittenAheadCalls } from "../../../../src/runs/send/calls-to-send.js";
import { ACCEPTED } from "../../../support/builders.js";
import { platformCalls, scriptedPlatform } from "../../../support/platform/scripted-platform.js";
import { openDesk } from "../../../support/replay/replay-desk.js";
import { IS_WINDOWS } from "../../../support/system.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

/** Flushes of this disk end when the test says so. */
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

it.skipIf(IS_WINDOWS)("a journal isn't cut through a link that another user may have made", () => {
  const folder = mkdtempSync(join(tmpdir(), "whcb-journal-"));
  const target = join(folder, "target");
  writeFileSync(target, "as it was");
  symlinkSync(target, join(folder, "link"));
  expect(() => openJournalFile(join(folder, "link"), 2)).toThrow("ELOOP");
  expect(readFileSync(target, "utf8")).toBe("as it was");
  rmSync(folder, { recursive: true });
});

describe("the journal", () => {
  it("collects what comes during a flush into the next one", async () => {
    const disk = slowDisk();
    const journal = new Journal(disk.file);
    const done: string[] = [];
    for (const call of ["A", "B", "C"]) {
      journal.append(line(call));
      void journal.flush().then(() => done.push(call));
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

  it("that can't be written rejects all who wait, and all later calls", async () => {
    const journal = new Journal({
      write: (bytes) => bytes.length,
      sync: (done) => setImmediate(() => done(new Error("EIO: i/o error, fdatasync"))),
      close: () => undefined,
    });
    journal.append(line("A"));
    await expect(journal.flush()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("EIO") });
    await expect(journal.flush()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a call", () => {
  it("is sent only when its line is on disk", async () => {
    const disk = slowDisk();
    const chooser = new CallChooser(calls(1), null, () => undefined);
    const journal = new Journal(disk.file);
    const writeAhead = (callIds: readonly string[]): Promise<void> => {
      for (const call of callIds) journal.collect(line(call));
      return journal.flush();
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

  it("takes a slot only when the outcome that freed it is committed", async () => {
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
          async deliverIf(): Promise<Delivery> {
            begun++;
            const outcomes = written.join("").split('"accepted"').length - 1;
            if (begun - outcomes > 4) wrong.push(begun);
            for (let turns = 0; turns <= begun % 3; turns++) await turn();
            settled++;
            return { result: ACCEPTED, retryAfterMs: null };
          },
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

const LINES: readonly RunStep[] = [
  { step: "session", at: 1, who: "ada@desk", bootId: "b", concurrency: 8 },
  { step: "sent", call: "A", at: 2 },
  { step: "rejected", call: "A", at: 3, ms: 12, status: 503, message: "Größer als ſonst" },
];
const WHOLE = LINES.map(stepText).join("");

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-journal-"));
  path = join(folder, "run.ndjson");
});

afterEach(() => rmSync(folder, { recursive: true }));

async function read(): Promise<{ lines: RunStep[]; length: number; lacksLineEnd: boolean }> {
  const lines: RunStep[] = [];
  const end = await readJournal(path, (line) => lines.push(line));
  return { lines, ...end };
}

describe("reading a journal", () => {
  it("reads what was written", async () => {
    writeFileSync(path, WHOLE);
    expect(await read()).toEqual({ lines: LINES, length: Buffer.byteLength(WHOLE), lacksLineEnd: false });
  });

  it("ignores a last line torn at any byte, and says where a writer continues", async () => {
    const bytes = Buffer.from(WHOLE);
    const lastStart = bytes.lastIndexOf("\n", -2) + 1;
    for (let cut = lastStart; cut < bytes.length - 1; cut++) {
      writeFileSync(path, bytes.subarray(0, cut));
      expect(await read()).toEqual({ lines: LINES.slice(0, -1), length: lastStart, lacksLineEnd: false });
    }
  });

  it("accepts a last line without its line feed", async () => {
    writeFileSync(path, WHOLE.slice(0, -1));
    expect(await read()).toEqual({ lines: LINES, length: Buffer.byteLength(WHOLE) - 1, lacksLineEnd: true });
  });

  it("ignores zeros that a power cut left at the end", async () => {
    writeFileSync(path, WHOLE);
    appendFileSync(path, Buffer.alloc(5_000));
    expect(await read()).toMatchObject({ lines: LINES, length: Buffer.byteLength(WHOLE) });
  });

  it("skips lines with zeros: a power cut kept their page from the disk, but not the next one", async () => {
    const many = Array.from({ length: 100 }, (_, at): RunStep => ({ step: "sent", call: `CALL-${100 + at}`, at: 100 + at }));
    const bytes = Buffer.from(many.map(stepText).join(""));
    const lineLength = bytes.length / many.length;
    bytes.fill(0, 512, 1_024);
    writeFileSync(path, bytes);
    const kept = many.filter((_, at) => (at + 1) * lineLength <= 512 || at * lineLength >= 1_024);
    expect(await read()).toEqual({ lines: kept, length: bytes.length, lacksLineEnd: false });
  });

  it("rejects a journal with a bad line between good ones", async () => {
    writeFileSync(path, `${stepText({ step: "sent", call: "A", at: 2 })}{"step":"sen\n${WHOLE}`);
    await expect(read()).rejects.toMatchObject({ code: "malformed" });
  });

  it("reads lines that span several chunks", async () => {
    const many = Array.from({ length: 9_000 }, (_, at): RunStep => ({ step: "sent", call: `CALL-${at}`, at }));
    writeFileSync(path, many.map(stepText).join(""));
    expect((await read()).lines).toEqual(many);
  });

  it("says that there is no such journal", async () => {
    await expect(read()).rejects.toMatchObject({ code: "not-found" });
  });
});
