/** The progress line is a spinner on a terminal, else nothing. */
import type { Ora } from "ora";
import { withoutSignalListeners } from "../../platform/terminal.js";
import type { Invocation } from "../args/command-spec.js";
import { sanitize } from "./screen-text.js";

export interface ProgressLine {
  show(text: string): void;
  clear(): void;
}

const SILENT: ProgressLine = { show() {}, clear() {} };

export async function openProgress({ screen, deps }: Pick<Invocation, "screen" | "deps">, first: string): Promise<ProgressLine> {
  if (deps.io.progress !== undefined) {
    deps.io.progress.show(first);
    return deps.io.progress;
  }
  if (!screen.canAnimate) return SILENT;
  const { default: ora } = await withoutSignalListeners(() => import("ora"));
  const spinner: Ora = ora({ stream: deps.io.stderr, text: sanitize(first), isEnabled: true, discardStdin: false, color: false });
  spinner.start();
  return {
    show(text) {
      spinner.text = sanitize(text);
      if (!spinner.isSpinning) spinner.start();
    },
    clear: () => void spinner.stop(),
  };
}
