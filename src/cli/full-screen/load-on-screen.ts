import type { Invocation } from "../args/command-spec.js";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit-codes.js";
import { withDisplay } from "./with-display.js";

/** A shorter time needs no screen of its own. */
const SHORT_MS = 500;

/** Calls `load`. If it takes long, the screen shows what is waited for, and q and Ctrl-C end the command. */
export async function loadOnScreen<Loaded>(
  invocation: Invocation,
  title: string,
  load: () => Promise<Loaded>,
): Promise<{ readonly loaded: Loaded } | { readonly code: number }> {
  const { clock } = invocation.deps;
  const ending = new AbortController();
  const loading = load();
  const ended = loading.then(
    () => ending.abort(),
    () => ending.abort(),
  );
  await Promise.race([ended, clock.sleepUntil(clock.now() + SHORT_MS, ending.signal)]);
  let code: number | null = null;
  const quit = (by: number): void => {
    code = by;
    ending.abort();
  };
  if (!ending.signal.aborted) {
    let wait = "";
    await withDisplay(invocation, {
      frame: () => ({ header: [title, ""], body: [wait], footer: ["q quits"] }),
      onKey: (key) => {
        if (key.name === "interrupt") quit(EXIT_INTERRUPTED);
        if (key.name === "character" && key.character === "q") quit(EXIT_DONE);
      },
      onInterrupt: () => quit(EXIT_INTERRUPTED),
      onWait: (text) => {
        wait = text ?? "";
      },
      run: async (display) => {
        while (!ending.signal.aborted) {
          display.update();
          await clock.sleepUntil(clock.now() + SHORT_MS, ending.signal);
        }
        return EXIT_DONE;
      },
    });
  }
  if (code === null) return { loaded: await loading };
  // The request goes on.
  loading.catch(() => undefined);
  invocation.deps.io.exitNow(code);
  return { code };
}
