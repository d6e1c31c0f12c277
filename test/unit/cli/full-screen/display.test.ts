import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { openDisplay } from "../../../../src/cli/full-screen/display.js";
import type { Key } from "../../../../src/cli/full-screen/frame.js";

/** Returns the keys that these pieces of input are. */
function keysOf(...pieces: readonly string[]): readonly string[] {
  const input = new PassThrough() as unknown as NodeJS.ReadStream;
  const nothing = () => undefined;
  const screen = { input, draw: nothing, size: () => ({ columns: 80, rows: 24 }), onResize: nothing, copy: nothing };
  const pressed: string[] = [];
  const onKey = (key: Key) => pressed.push(key.name === "character" ? key.character : key.name);
  const frame = () => ({ header: [], body: [], footer: [] });
  using _display = openDisplay({ screen: { ...screen, suspend: nothing, leave: nothing }, frame, onKey });
  for (const piece of pieces) input.emit("data", Buffer.from(piece));
  return pressed;
}

it("takes the bytes of a sequence that is no key for no keys", () => {
  const mouse = "\u001b[<0;77;20M\u001b[<0;77;20m";
  const oldMouse = "\u001b[M mm";
  const lateAnswers = ["\u001b[?2026;2$y", "\u001b[12;45R", "\u001b]11;rgb:1e1e/y/m\u0007", "\u001bP1$rmy\u001b\\"];
  for (const piece of [mouse, oldMouse, ...lateAnswers]) expect([piece, keysOf("k", piece, "j")]).toEqual([piece, ["k", "j"]]);
});

it("takes keys that come at once one by one", () => {
  expect(keysOf("\u001b[B\u001b[Bmy\r", "\u001b[3~é")).toEqual(["down", "down", "m", "y", "enter", "backspace", "é"]);
});
