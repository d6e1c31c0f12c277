/** The disk is full, or takes lines and can't keep them, during marks by hand. */
import { expect, it } from "vitest";
import { type JournalFile, openJournalFile } from "../../src/runs/journal/journal.js";
import { planMarks, runMarks } from "../../src/runs/run-marks.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { openDesk } from "../support/replay/replay-desk.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

/** So many calls are marked. `spoil` makes the journal's file once the first one is. */
async function mark(count: number, spoil: (file: JournalFile) => Partial<JournalFile>) {
  const calls = platformCalls(count);
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls };
  const platform = scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] });
  const marked = () => calls.filter(({ status }) => status === "SUCCESS").length;
  const desk = openDesk({
    transport: platform.transport(),
    over: {
      openJournalFile(path, at) {
        const file = openJournalFile(path, at);
        const spoilt = { ...file, ...spoil(file) };
        const current = () => (marked() === 0 ? file : spoilt);
        return { write: (bytes) => current().write(bytes), sync: (done) => current().sync(done), close: file.close };
      },
    },
  });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const summary = await runMarks(plan, {}, desk.deps, desk.listener);
  await desk.leave();
  return { marked: marked(), summary, events: desk.events };
}

it("end with the request whose line can't be kept", async () => {
  const eio = new Error("EIO: i/o error");
  const { marked, summary, events } = await mark(350, (file) => ({ sync: (done) => file.sync(() => done(eio)) }));
  expect(marked).toBe(100);
  expect(summary.counts).toMatchObject({ planned: 350, marked: 100, left: 250 });
  expect(summary.error).toMatchObject({ code: "unavailable", message: `the run's journal can't be written: ${eio.message}` });
  expect(events).toContainEqual({ type: "stopping", callbackId: null, reason: "journal" });
});

it("can be resumed if only the last line is missing", async () => {
  const { marked, summary } = await mark(100, () => ({
    write() {
      throw new Error("ENOSPC: no space left on device");
    },
  }));
  expect([marked, summary.counts.left, summary.error?.code, summary.isResumable]).toEqual([100, 0, "unavailable", true]);
});

it("that can't begin mark nothing, and have no run to resume", async () => {
  const calls = platformCalls(1);
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls };
  const desk = openDesk({
    transport: scriptedPlatform({ clock: new VirtualClock(), callbacks: [callback] }).transport(),
    over: {
      openJournalFile: (path, at) => ({
        ...openJournalFile(path, at),
        write() {
          throw new Error("ENOSPC: no space left on device");
        },
      }),
    },
  });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  await expect(runMarks(plan, {}, desk.deps, desk.listener)).rejects.toMatchObject({
    code: "unavailable",
    message: "the run's journal can't be written: ENOSPC: no space left on device",
    hint: "No run has begun. Free some space, then type the command again.",
  });
  expect(calls[0]?.status).toBe("FAILED");
  await desk.leave();
});
