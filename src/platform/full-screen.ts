/** Takes the whole terminal, as an editor does: what was there before is shown again afterwards. */

export interface FullScreen {
  readonly input: NodeJS.ReadStream;
  /** Writes the lines that changed; while the screen is left, it waits until it is shown again. No line may be wider than the screen. */
  draw(lines: readonly string[]): void;
  size(): ScreenSize;
  onResize(handler: () => void): void;
  /** Copies into the clipboard, if the terminal allows it: it doesn't say. */
  copy(text: string): void;
  /** Does what Ctrl-Z does: the shell has the terminal until `fg`. Windows stops no process. */
  suspend(): void;
  leave(): void;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const CLEAR = "\u001b[2J\u001b[H";
/** `ENTER` switches to the other screen, and hides the cursor. */
const ENTER = `\u001b[?1049h\u001b[?25l${CLEAR}`;
const LEAVE = "\u001b[0m\u001b[?25h\u001b[?1049l";

const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** This signal ends the process by default, and nothing else handles it. */
const DEADLY = "SIGQUIT";
/** The system discards a stop that no shell could end. */
const DISCARDED_AFTER_MS = 200;

/** The screen is also left when the process ends by a signal or an error. The caller handles SIGINT, SIGTERM and SIGHUP. */
export function enterFullScreen(process: NodeJS.Process): FullScreen {
  const { stdin, stdout } = process;
  let isShown = false;
  let hasLeft = false;
  let onResize = (): void => undefined;
  let frame: readonly string[] = [];
  let shown: readonly string[] = [];

  function show(): void {
    isShown = true;
    stdout.write(ENTER);
    shown = [];
    draw();
  }

  function draw(): void {
    if (!isShown) return;
    const lines = frame.slice(0, stdout.rows || DEFAULT_SIZE.rows);
    // A row is cleared first: after a line that fills it, a terminal would clear its last character.
    const changed = lines.map((line, row) => (line === shown[row] ? "" : `\u001b[${row + 1};1H\u001b[K${line}\u001b[0m`));
    const rest = lines.length < shown.length ? `\u001b[${lines.length + 1};1H\u001b[J` : "";
    stdout.write(changed.join("") + rest);
    shown = lines;
  }

  function hide(): void {
    if (!isShown) return;
    isShown = false;
    stdin.setRawMode(false);
    stdout.write(LEAVE);
  }

  function resize(): void {
    if (!isShown) return;
    // A terminal may have moved the lines.
    stdout.write(CLEAR);
    shown = [];
    onResize();
    draw();
  }

  /** `target` is a process, or 0 for all of the terminal's job. */
  function stop(target: number): void {
    if (!isShown || process.platform === "win32") return;
    hide();
    // Without a listener the system stops the process.
    process.off("SIGTSTP", onStop);
    process.kill(target, "SIGTSTP");
    setTimeout(() => {
      if (!isShown) resume();
    }, DISCARDED_AFTER_MS);
  }

  function onStop(): void {
    stop(process.pid);
  }

  function resume(): void {
    if (hasLeft) return;
    if (!isShown) process.on("SIGTSTP", onStop);
    // This comes first, as it stops the process again if that is in the background.
    stdin.setRawMode(true);
    // The screen is shown again even after a SIGSTOP, which gave no time to leave it.
    show();
    onResize();
  }

  function onDeadly(signal: NodeJS.Signals): void {
    leave();
    process.kill(process.pid, signal);
  }

  function leave(): void {
    if (hasLeft) return;
    hasLeft = true;
    hide();
    process.off("exit", leave).off("uncaughtExceptionMonitor", leave);
    process.off("SIGTSTP", onStop).off("SIGCONT", resume);
    process.off(DEADLY, onDeadly);
    stdout.off("resize", resize);
  }

  process.on("exit", leave).on("uncaughtExceptionMonitor", leave);
  process.on("SIGCONT", resume);
  process.on(DEADLY, onDeadly);
  stdout.on("resize", resize);
  resume();

  return {
    input: stdin,
    draw(lines) {
      frame = lines;
      draw();
    },
    size: () => ({ columns: stdout.columns || DEFAULT_SIZE.columns, rows: stdout.rows || DEFAULT_SIZE.rows }),
    onResize(handler) {
      onResize = handler;
    },
    copy: (text) => void stdout.write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`),
    suspend: () => stop(0),
    leave,
  };
}
