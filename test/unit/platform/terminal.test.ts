import process from "node:process";
import { afterEach, expect, test, vi } from "vitest";
import { processIo, withoutSignalListeners } from "../../../src/platform/terminal.js";

const listenersBefore = new Set(process.listeners("SIGTERM"));
const addedListeners = () => process.listeners("SIGTERM").filter((listener) => !listenersBefore.has(listener));

afterEach(() => {
  vi.restoreAllMocks();
  for (const listener of addedListeners()) process.off("SIGTERM", listener);
});

test("a signal repeated within 50 ms of an interrupt is the same one, a later one is another", () => {
  const now = vi.spyOn(performance, "now");
  const interrupts: number[] = [];
  const stop = processIo(process).onInterrupt(() => interrupts.push(performance.now()));
  const [onSignal] = addedListeners();
  for (const at of [1_000, 1_030, 1_049, 1_050, 1_099]) {
    now.mockReturnValue(at);
    onSignal?.("SIGTERM");
  }
  expect(interrupts).toEqual([1_000, 1_050]);
  stop();
  expect(addedListeners()).toEqual([]);
});

test("a package that is loaded keeps no listener on our signals, and ours stay", async () => {
  const ours = () => undefined;
  process.on("SIGTERM", ours);
  const loaded = await withoutSignalListeners(async () => {
    process.on("SIGTERM", () => undefined);
    return "loaded";
  });
  expect(loaded).toBe("loaded");
  expect(addedListeners()).toEqual([ours]);
});
