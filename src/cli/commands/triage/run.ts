import { commandLine } from "../../../domain/command-line.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import type { ServiceTarget } from "../../cli-deps.js";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../../exit-codes.js";
import { loadOnScreen } from "../../full-screen/load-on-screen.js";
import { canFillScreen, withDisplay } from "../../full-screen/with-display.js";
import { undoWords } from "../../output/run/next-step.js";
import { isPlain } from "../../output/screen.js";
import { findNamedCallback, SCREEN_PATIENCE_MS, type Session, withSession } from "../../settings/session.js";
import { groupsLevel } from "./triage-keys.js";
import { TriageProgram } from "./triage-program.js";
import { newState } from "./triage-state.js";

export function run(invocation: Invocation): Promise<number> {
  const { args, screen, deps } = invocation;
  if (!canFillScreen(invocation)) {
    const operands = args.operands.slice(0, 1);
    const listed = commandLine({
      command: "calls list",
      operands,
      flags: ["--failed", "--group-by", "status-code,reason", ...screen.renderOptions.serviceFlags],
    });
    const isTerminal = screen.format === "table" && deps.io.stdin.isTTY === true;
    const reason = isPlain(deps.io.env) ? "--plain or ACCESSIBLE is set" : "TERM is dumb";
    const what = isTerminal ? `triage needs a terminal that can position the cursor (${reason})` : "triage needs a terminal";
    const groups = { command: listed, when: "to print the groups" };
    const advice = advise`${groups} prints the groups; calls list, replay and mark-success take their values as filters`;
    throw new WhcbError("usage", what, advice);
  }
  let program: TriageProgram | null = null;
  const rules = {
    retriesRefused: (reason: string) => program?.retriesRefused(reason) ?? false,
    readPatienceMs: () => (program?.isRunning ? null : SCREEN_PATIENCE_MS),
  };
  const show = async (session: Session): Promise<number> => {
    const { client, target } = session;
    const opened = await loadOnScreen(invocation, "whcb triage", async () => {
      const named = await findNamedCallback(invocation, session);
      if (named === null) await client.verify();
      // The screen hides the warning.
      client.requireOwnDatabase();
      return named;
    });
    if ("code" in opened) return opened.code;
    const callback = opened.loaded;
    const first =
      callback === null
        ? ({ id: 0, cursor: 0, filterText: "", isLoaded: false, kind: "callbacks", callbacks: [] } as const)
        : groupsLevel(callback, 0);
    const openClient = async (asked: ServiceTarget) => {
      requireSameAccount(asked, target);
      // Requests of the screen and of its commands keep within one rate.
      return { ...client, close: async () => undefined };
    };
    const shown = new TriageProgram(
      { ...invocation, deps: { ...deps, openClient } },
      client,
      newState(first),
      target.kind === "file" || target.rate === null,
    );
    program = shown;
    const code = await withDisplay(invocation, {
      frame: (size) => shown.frame(size),
      onKey: (key) => shown.press(key),
      onInterrupt: () => shown.interrupt(),
      onWait: (text) => shown.showWait(text),
      run: async (display, fullScreen) => {
        const isInterrupted = await shown.show(display, fullScreen);
        return isInterrupted ? EXIT_INTERRUPTED : EXIT_DONE;
      },
    });
    if (shown.undoable !== null) {
      const command = commandLine(undoWords(shown.undoable, screen.renderOptions.serviceFlags));
      screen.info(`to undo the last mark: ${command}`);
    }
    if (shown.isReading) invocation.deps.io.exitNow(code);
    return code;
  };
  return withSession(invocation, show, rules);
}

/** Each command reads the profiles again. Throws `usage` if these name another account by now, whose settings it would use. */
function requireSameAccount(asked: ServiceTarget, opened: ServiceTarget): void {
  const [now, before] = [asked, opened].map((target) => {
    return JSON.stringify(target.kind === "file" ? [target.path] : [target.url, target.username, target.timezone]);
  });
  if (now === before) return;
  throw new WhcbError("usage", "the profile, or the current one, has changed since triage was opened", {
    hint: "end triage (q), and open it again; nothing was done",
  });
}
