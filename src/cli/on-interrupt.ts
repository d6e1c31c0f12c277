import type { Io } from "../platform/terminal.js";
import { EXIT_INTERRUPTED } from "./exit-codes.js";

/** Listens for Ctrl-C until it is disposed. */
export function onInterrupt(io: Io, handler: () => void): Disposable {
  return { [Symbol.dispose]: io.onInterrupt(handler) };
}

/** Calls the handler at the first Ctrl-C. A second one ends the process at once. */
export function onFirstInterrupt(io: Io, handler: () => void): Disposable {
  let isFirst = true;
  return onInterrupt(io, () => {
    if (!isFirst) return io.exitNow(EXIT_INTERRUPTED);
    isFirst = false;
    handler();
  });
}
