/** Ctrl-C in a run: the first stops new sends and lets the rest end well, the second ends the process. */
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";

export async function withInterrupt<Result>(
  { deps, screen }: Pick<Invocation, "deps" | "screen">,
  notice: string,
  use: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const stopListening = deps.io.onInterrupt(() => {
    if (controller.signal.aborted) return deps.io.exitNow(EXIT_INTERRUPTED);
    controller.abort();
    screen.info(notice);
  });
  try {
    return await use(controller.signal);
  } finally {
    stopListening();
  }
}

export const STOPPING = "stopping: what is under way ends and is marked; Ctrl-C again stops at once";
