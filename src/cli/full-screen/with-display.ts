import type { ScreenSize } from "../../platform/full-screen.js";
import type { Invocation } from "../args/command-spec.js";
import type { Display } from "./display.js";
import type { Frame, Key } from "./frame.js";

export interface Showing {
  readonly frame: (size: ScreenSize) => Frame;
  readonly onKey: (key: Key) => void;
  /** SIGINT or SIGTERM from outside; Ctrl-C is a key. */
  readonly onInterrupt: () => void;
  /** The screen is left when it ends. */
  readonly run: (display: Display) => Promise<number>;
}

/** On a terminal that can be written and read, and moves its cursor. */
export function canFillScreen({ screen, deps: { io } }: Pick<Invocation, "screen" | "deps">): boolean {
  return screen.format === "table" && io.stdin.isTTY === true && io.env.TERM !== "dumb";
}

export async function withDisplay(
  { deps }: Pick<Invocation, "deps">,
  { frame, onKey, onInterrupt, run }: Showing,
): Promise<number> {
  const { openDisplay } = await import("./display.js");
  const screen = await deps.openFullScreen();
  const stopListening = deps.io.onInterrupt(onInterrupt);
  try {
    const display = openDisplay({ screen, frame, onKey });
    try {
      return await run(display);
    } finally {
      display.close();
    }
  } finally {
    stopListening();
    screen.leave();
  }
}
