import type { FullScreen, ScreenSize } from "../../platform/full-screen.js";
import type { Invocation } from "../args/command-spec.js";
import { onInterrupt } from "../on-interrupt.js";
import { isPlain } from "../output/screen.js";
import { type Printable, text } from "../output/screen-text.js";
import type { Display } from "./display.js";
import type { Frame, Key } from "./frame.js";

export interface DisplayOptions {
  readonly frame: (size: ScreenSize) => Frame;
  readonly onKey: (key: Key) => void;
  /** SIGINT or SIGTERM comes from outside; Ctrl-C is a key. */
  readonly onInterrupt: () => void;
  /** It is null while nothing is waited for. */
  readonly onWait?: (text: string | null) => void;
  /** The screen is left when it ends. */
  readonly run: (display: Display, screen: FullScreen) => Promise<number>;
}

/** Returns whether there is a terminal that can be written and read, and moves its cursor, and may. */
export function canFillScreen({ screen, deps: { io } }: Invocation): boolean {
  return screen.format === "table" && io.stdin.isTTY === true && io.env.TERM !== "dumb" && !isPlain(io.env);
}

/** Text that isn't ScreenText yet can't control the terminal either. */
function escaped({ header, body, footer }: Frame): Frame {
  const lines = (printables: readonly Printable[]) => printables.map((one) => text`${one}`);
  return { header: lines(header), body: lines(body), footer: lines(footer) };
}

export async function withDisplay(
  { deps, progress }: Invocation,
  { frame, onKey, onInterrupt: handleInterrupt, onWait = () => undefined, run }: DisplayOptions,
): Promise<number> {
  const { openDisplay } = await import("./display.js");
  const screen = await deps.openFullScreen();
  try {
    using _interrupt = onInterrupt(deps.io, handleInterrupt);
    using _line = progress.divert({ show: onWait, clear: () => onWait(null) });
    using display = openDisplay({ screen, frame: (size) => escaped(frame(size)), onKey });
    return await run(display, screen);
  } finally {
    screen.leave();
  }
}
