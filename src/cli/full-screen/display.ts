import { createInterface, emitKeypressEvents, type Key as TypedKey } from "node:readline";
import { PassThrough } from "node:stream";
import type { FullScreen, ScreenSize } from "../../platform/full-screen.js";
import { cutToWidth } from "../output/text-width.js";
import { bodyRows, type Frame, type Key } from "./frame.js";

export interface Display {
  update(): void;
}

export interface DisplayParts {
  readonly screen: FullScreen;
  readonly frame: (size: ScreenSize) => Frame;
  readonly onKey: (key: Key) => void;
}

/** A terminal sends the rest of a key's sequence at once, so what follows this much later is another key. Node waits 500 ms. */
const ESCAPE_MS = 50;

/** Leaves the screen when it is disposed. */
export function openDisplay({ screen, frame, onKey }: DisplayParts): Display & Disposable {
  const { input } = screen;
  const update = (): void => {
    const size = screen.size();
    screen.draw(linesOf(frame(size), size));
  };
  // Node takes the rest of a sequence that is no key, such as a mouse report, for characters. It comes with the same data.
  let isRest = false;
  const onData = (): void => {
    isRest = false;
  };
  const onKeypress = (character: string | undefined, typed: TypedKey): void => {
    if (isRest) return;
    const key = keyOf(character, typed);
    isRest = key === null && typed.sequence?.startsWith("\u001b") === true;
    if (typed.ctrl && typed.name === "z") screen.suspend();
    else if (key !== null) onKey(key);
  };
  // Node takes the time limit only from an interface. This one reads nothing, so that the screen's keys are no lines.
  emitKeypressEvents(input, createInterface({ input: new PassThrough(), escapeCodeTimeout: ESCAPE_MS }));
  input.prependListener("data", onData).on("keypress", onKeypress).resume();
  screen.onResize(update);
  update();
  return {
    update,
    [Symbol.dispose]() {
      screen.leave();
      input.off("data", onData).off("keypress", onKeypress).pause();
    },
  };
}

function linesOf(frame: Frame, { columns, rows }: ScreenSize): readonly string[] {
  const body = Array.from({ length: bodyRows(rows, frame.header, frame.footer) }, (_, index) => frame.body[index] ?? "");
  return [...frame.header, ...body, ...frame.footer].slice(0, rows).map((line) => cutToWidth(String(line), columns));
}

/** `NAMED` maps Node's names. One key is "backspace" or "delete", and a pasted line end is "enter", not "return". */
const NAMED = {
  up: "up",
  down: "down",
  pageup: "pageUp",
  pagedown: "pageDown",
  home: "home",
  end: "end",
  return: "enter",
  enter: "enter",
  right: "enter",
  escape: "escape",
  left: "escape",
  tab: "tab",
  backspace: "backspace",
  delete: "backspace",
} as const;

/** Returns null for a key that means nothing here. */
function keyOf(character: string | undefined, { name = "", ctrl, meta }: TypedKey): Key | null {
  if (ctrl) return name === "c" ? { name: "interrupt" } : null;
  if (isNamed(name)) return { name: NAMED[name] };
  return meta || character === undefined ? null : { name: "character", character };
}

function isNamed(name: string): name is keyof typeof NAMED {
  return Object.hasOwn(NAMED, name);
}
