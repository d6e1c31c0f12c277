/** Says on stderr what a command does and waits for: by a spinner on a terminal, else by a line now and then. */
import type { Ora } from "ora";
import type { BeginWait, Wait } from "../../client/wait.js";
import type { Clock, Timers } from "../../platform/clock.js";
import { type Io, withoutSignalListeners } from "../../platform/terminal.js";
import type { Screen } from "./screen.js";
import { sanitize } from "./screen-text.js";
import { limitText, waitText } from "./wait-text.js";

export interface ProgressLine {
  /** Replaces the step that is shown, until `clear`. */
  show(step: string): void;
  clear(): void;
}

export async function openProgress({ progress }: { readonly progress: Progress }, first: string): Promise<ProgressLine> {
  await progress.load();
  progress.show(first);
  return progress;
}

/** A shorter wait isn't reported. */
const SILENT_MS = 2_000;
const TICK_MS = 1_000;
/** Without a terminal, the time between two lines doubles to this. */
const LONGEST_QUIET_MS = 60_000;

interface Waiting {
  wait: Wait;
  readonly sinceMs: number;
  readonly since: number;
  /** The wait has been as it is now since then. */
  changedMs: number;
}

export class Progress implements ProgressLine {
  readonly #io: Io;
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waits = new Set<Waiting>();
  /** It is shown here instead of on stderr. */
  #line: ProgressLine | undefined;
  #spinner: Ora | null = null;
  #step: { readonly text: string; readonly sinceMs: number } | null = null;
  /** The rate by which this step was limited. */
  #limit: number | null = null;
  #cancelTick: (() => void) | null = null;
  #isHeld = false;
  #advice: string | null = null;
  #busySinceMs = 0;
  #lastLine: { readonly trouble: Wait["for"] | null; readonly atMs: number; readonly quietMs: number } | null = null;

  constructor(io: Io, screen: Screen, clock: Clock, timers: Timers) {
    this.#io = io;
    this.#line = io.progress;
    this.#screen = screen;
    this.#clock = clock;
    this.#timers = timers;
  }

  async load(): Promise<void> {
    if (this.#spinner !== null || this.#line !== undefined || !this.#screen.canAnimate) return;
    const { default: ora } = await withoutSignalListeners(() => import("ora"));
    this.#spinner ??= ora({ stream: this.#io.stderr, isEnabled: true, discardStdin: false, color: false });
  }

  show(text: string): void {
    this.#step = { text, sinceMs: this.#step?.sinceMs ?? this.#clock.monotonicMs() };
    this.#tick();
    this.#draw();
  }

  clear(): void {
    this.#step = null;
    this.#limit = null;
    this.#rest();
  }

  readonly begin: BeginWait = (wait) => {
    const sinceMs = this.#clock.monotonicMs();
    const waiting: Waiting = { wait, sinceMs, since: this.#clock.now(), changedMs: sinceMs };
    this.#waits.add(waiting);
    this.#noteLimit(wait);
    this.#tick();
    return {
      change: (changed) => {
        waiting.wait = changed;
        waiting.changedMs = this.#clock.monotonicMs();
        this.#noteLimit(changed);
      },
      end: () => {
        this.#waits.delete(waiting);
        this.#rest();
      },
    };
  };

  /** Nothing is shown until it is disposed, as during a question. */
  hold(): Disposable {
    this.#isHeld = true;
    this.#erase();
    return {
      [Symbol.dispose]: () => {
        this.#isHeld = false;
      },
    };
  }

  /** Is shown in this line until it is disposed, as while the screen is full. */
  divert(line: ProgressLine): Disposable {
    const before = this.#line;
    this.#erase();
    this.#line = line;
    return {
      [Symbol.dispose]: () => {
        this.#line = before;
      },
    };
  }

  /** Says what can be done about a pause. */
  advise(advice: string | null): void {
    this.#advice = advice;
  }

  /** The line that is shown doesn't mix with what is written. */
  beside<Written>(write: () => Written): Written {
    if (this.#spinner?.isSpinning) this.#spinner.clear();
    return write();
  }

  end(): void {
    this.#waits.clear();
    this.clear();
  }

  #noteLimit(wait: Wait): void {
    if (wait.for === "rate") this.#limit = wait.perSecond;
  }

  /** Nothing goes on any more. */
  #rest(): void {
    if (this.#step !== null || this.#waits.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = null;
    this.#lastLine = null;
    this.#erase();
  }

  #tick(): void {
    if (this.#cancelTick !== null) return;
    this.#busySinceMs = this.#clock.monotonicMs();
    this.#tickLater();
  }

  /** The first AbortController of a process takes two milliseconds more than a timer. */
  #tickLater(): void {
    const cancel = this.#timers.after(TICK_MS, async () => {
      if (this.#longestWait() !== undefined) await this.load();
      if (this.#cancelTick !== cancel) return;
      this.#draw();
      this.#tickLater();
    });
    this.#cancelTick = cancel;
  }

  #draw(): void {
    if (this.#isHeld) return;
    const text = this.#text();
    if (this.#line !== undefined) {
      if (text === null) this.#line.clear();
      else this.#line.show(text);
    } else if (this.#screen.canAnimate) this.#spin(text);
    else this.#writeLine(text);
  }

  #spin(text: string | null): void {
    if (this.#spinner === null) return;
    if (text === null) {
      this.#stopSpinner();
      return;
    }
    this.#spinner.text = sanitize(text);
    if (!this.#spinner.isSpinning) this.#spinner.start();
  }

  #writeLine(text: string | null): void {
    const nowMs = this.#clock.monotonicMs();
    const { trouble, atMs, quietMs } = this.#lastLine ?? { trouble: null, atMs: this.#busySinceMs, quietMs: SILENT_MS };
    const wait = this.#longestWait()?.wait.for ?? null;
    const isNewTrouble = wait !== null && wait !== trouble;
    if (text === null || (!isNewTrouble && nowMs - atMs < quietMs)) return;
    this.#lastLine = { trouble: wait, atMs: nowMs, quietMs: Math.min(LONGEST_QUIET_MS, quietMs * 2) };
    this.#screen.info(text);
  }

  #erase(): void {
    this.#stopSpinner();
    this.#line?.clear();
  }

  /** A spinner that stands still would show the cursor again. */
  #stopSpinner(): void {
    if (this.#spinner?.isSpinning) this.#spinner.stop();
  }

  #text(): string | null {
    const longest = this.#longestWait();
    const { renderOptions } = this.#screen;
    const advice = longest?.wait.for === "pause" && this.#advice !== null ? `; ${this.#advice}` : "";
    const wait = longest && waitText(longest.wait, longest.since, { ...renderOptions, now: this.#clock.now() }) + advice;
    if (this.#step === null) return wait ?? null;
    if (wait !== undefined) return `${this.#step.text}, ${wait}`;
    return this.#limit === null ? this.#step.text : `${this.#step.text} (${limitText(this.#limit)})`;
  }

  #longestWait(): Waiting | undefined {
    const nowMs = this.#clock.monotonicMs();
    for (const waiting of this.#waits) {
      const { wait, since, sinceMs, changedMs } = waiting;
      // An answer that came is followed by another request, and how long a pause lasts is known.
      const lastsMs = wait.for === "pause" ? wait.until - since : nowMs - (wait.for === "answer" ? changedMs : sinceMs);
      if (wait.for !== "rate" && lastsMs >= SILENT_MS) return waiting;
    }
    return undefined;
  }
}
