/** Does what keys ask for, and shows what comes of it. */
import type { Client } from "../../../client/client.js";
import { argvOf, type CommandWords, commandLine } from "../../../domain/command-line.js";
import { errorMessage, isWhcbError } from "../../../domain/errors.js";
import type { FullScreen, ScreenSize } from "../../../platform/full-screen.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Display } from "../../full-screen/display.js";
import type { Frame, Key } from "../../full-screen/frame.js";
import { IdsFile } from "./ids-file.js";
import { LevelLoader, loadFailure } from "./level-loader.js";
import { callText } from "./level-rows.js";
import { type PanelRun, startInPanel } from "./run-panel.js";
import type { Action } from "./triage-actions.js";
import { isAskedWhole, triageFrame } from "./triage-frame.js";
import { actionsIn, type Effect, keepTyped, type PressContext, press } from "./triage-keys.js";
import { callTargetOf, type Level, type Outcome, type Panel, type TriageState, topLevel, updateLevel } from "./triage-state.js";

const HEADER_AND_FOOTER = 5;
const TICK_MS = 100;
const MOST_LINES = 1_000;
/** While the service doesn't answer, it is asked this often. */
const READ_AGAIN_MS = 2_000;
/** Groups are counted again this often. */
const REFRESH_MS = 12_000;
/** A reading is followed by a pause of so many times its duration. */
const PAUSE_FACTOR = 20;

export class TriageProgram {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #loader: LevelLoader;
  readonly #ending = new AbortController();
  #state: TriageState;
  #display: Display | null = null;
  #fullScreen: FullScreen | null = null;
  #run: PanelRun | null = null;
  readonly #isCheap: boolean;
  #tookMs = 0;
  #lastId = 0;
  #reading = 0;
  #isChanged = false;
  #isInterrupted = false;
  #wait: string | null = null;
  /** `lost` says why there is no answer, and when the level is read again. */
  #lost: { readonly notice: string; readonly readAgainAt: number } | null = null;

  /** `isCheap` says that the service has no limit of requests. */
  constructor(invocation: Invocation, client: Client, state: TriageState, isCheap: boolean) {
    this.#isCheap = isCheap;
    this.#invocation = invocation;
    this.#client = client;
    this.#state = state;
    this.#loader = new LevelLoader(
      client,
      (id, change) => this.#changeState((before) => updateLevel(before, id, change)),
      () => invocation.deps.clock.now(),
    );
  }

  /** Runs until it is quit. Returns true if that was by a signal or Ctrl-C. Throws a bug. */
  async show(display: Display, fullScreen: FullScreen): Promise<boolean> {
    const { clock } = this.#invocation.deps;
    const { signal } = this.#ending;
    this.#display = display;
    this.#fullScreen = fullScreen;
    this.#load();
    while (!signal.aborted) {
      // What a run reports comes thousands of times a second.
      if (this.#isChanged) display.update();
      this.#isChanged = false;
      if (!this.isReading && clock.now() >= this.#readAgainAt()) this.#readAgain();
      await clock.sleepUntil(clock.now() + TICK_MS, signal);
    }
    await this.#run?.ended;
    if (signal.reason instanceof Error && !(signal.reason instanceof DOMException)) throw signal.reason;
    return this.#isInterrupted;
  }

  /** A run waits for a service that is restarted. What is only shown is read again by `show`. */
  retriesRefused(reason: string): boolean {
    if (this.#run === null) return false;
    this.#changePanel({ progress: this.#noAnswer(reason) });
    return true;
  }

  /** A command runs in the panel. */
  get isRunning(): boolean {
    return this.#run !== null;
  }

  showWait(text: string | null): void {
    this.#wait = text;
    this.#isChanged = true;
  }

  /** `isReading` is true during a request, which may be retried for minutes, and while a command that was given up still runs. */
  get isReading(): boolean {
    return this.#reading > 0;
  }

  /** `undoable` is null if nothing was marked, or it was undone. */
  get undoable(): string | null {
    return this.#state.undoable;
  }

  frame(size: ScreenSize): Frame {
    const notice = this.#lost?.notice ?? this.#wait ?? this.#state.notice;
    const state = { ...this.#state, notice, panel: this.#shownPanel() };
    return triageFrame(state, size, { ...this.#renderOptions(), actions: actionsIn(this.#state, this.#pressContext()) });
  }

  press(key: Key): void {
    const { state, effect } = press(this.#state, key, this.#pressContext());
    this.#state = state;
    if (effect !== undefined) this.#doEffect(effect, key);
    this.#display?.update();
  }

  /** A signal from outside ends it. A run ends in order first. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#run?.interrupt();
    this.#ending.abort();
  }

  #doEffect(effect: Effect, key: Key): void {
    switch (effect.do) {
      case "quit":
        this.#isInterrupted = key.name === "interrupt";
        this.#ending.abort();
        break;
      case "interrupt":
        this.#run?.interrupt();
        break;
      case "answer":
        this.#run?.answer(effect.text);
        break;
      case "load":
        this.#load();
        break;
      case "reload":
        this.#loader.restart();
        this.#load();
        break;
      case "run":
        void this.#runAction(effect.action).catch((error: unknown) => this.#ending.abort(error));
    }
  }

  #load(): void {
    const { rows } = this.#fullScreen?.size() ?? { rows: 0 };
    const { clock } = this.#invocation.deps;
    const beganAt = clock.monotonicMs();
    const level = topLevel(this.#state);
    this.#reading++;
    this.#loader
      .load(level, rows)
      .then(
        () => {
          this.#lost = null;
          if (!level.isLoaded) this.#tookMs = clock.monotonicMs() - beganAt;
          this.#isChanged = true;
        },
        (error: unknown) => this.#noteLost(error),
      )
      .catch((bug: unknown) => this.#ending.abort(bug))
      .finally(() => this.#reading--);
  }

  /** Infinity means that it isn't read again by itself. */
  #readAgainAt(): number {
    if (this.#lost !== null) return this.#lost.readAgainAt;
    const { levels, panel, overlay, isTyping } = this.#state;
    const level = levels.at(-1);
    if (!this.#isCheap || level?.kind !== "groups" || panel !== null || overlay !== null || isTyping)
      return Number.POSITIVE_INFINITY;
    return (level.counted.readAt ?? Number.POSITIVE_INFINITY) + Math.max(REFRESH_MS, PAUSE_FACTOR * this.#tookMs);
  }

  #readAgain(): void {
    const { id } = topLevel(this.#state);
    this.#changeState((state) => updateLevel(state, id, (level) => ({ ...level, isLoaded: false })));
    this.#load();
  }

  #noteLost(error: unknown): void {
    const notice = loadFailure(error);
    this.#loader.restart();
    if (!isWhcbError(error, "network")) {
      this.#changeState((state) => ({ ...state, notice }));
      return;
    }
    const { clock } = this.#invocation.deps;
    this.#lost = { notice: this.#noAnswer(errorMessage(error.cause)), readAgainAt: clock.now() + READ_AGAIN_MS };
    this.#isChanged = true;
  }

  #noAnswer(reason: string): string {
    return `no answer from ${this.#client.name} (${reason}), trying again`;
  }

  async #runAction(action: Action): Promise<void> {
    const { deps, runCommand } = this.#invocation;
    const name = `whcb-ids-${new Date(deps.clock.now()).toISOString().replace(/\D/g, "").slice(0, 17)}.txt`;
    const file = action.name === "save" ? new IdsFile(name) : null;
    const command = commandLine(action.command) + (file === null ? "" : ` > ${name}`);
    const lines: string[] = [];
    const data: string[] = [];
    let runId: string | null = null;
    let hasEnded = false;
    // A command that was given up may still report.
    const change = (part: Partial<Panel>): void => {
      if (!hasEnded) this.#changePanel(part);
    };
    const panel = { command, output: [], progress: null, question: null, typed: "", outcome: null };
    this.#changeState((state) => ({ ...state, panel }));
    const { columns } = this.#fullScreen?.size() ?? { columns: 80 };
    this.#run = startInPanel(
      argvOf(this.#exactWords(action)),
      { deps, runCommand, columns, ...(file !== null && { stdout: file.stream }) },
      {
        onLine: (line, isData) => {
          if (isData) data.push(line);
          lines.push(line);
          change({ output: lines.slice(-MOST_LINES) });
        },
        onProgress: (progress) => change({ progress }),
        onQuestion: (question, isSecret) =>
          change({
            progress: null,
            question: question === null ? null : { text: question, isSecret },
            typed: keepTyped(this.#state.panel?.typed ?? ""),
          }),
        onRunStarted: (id) => {
          runId = id;
        },
      },
    );
    this.#reading++;
    void this.#run.finished.finally(() => this.#reading--);
    const code = await this.#run.ended;
    hasEnded = true;
    this.#run = null;
    const isSaved = (await file?.close(code === 0)) ?? false;
    if (action.name === "curl" && code === 0) {
      this.#fullScreen?.copy(data.join("\n"));
      lines.push("", "copied, if the terminal allows it");
    }
    if (file !== null) lines.push(isSaved ? `saved in ${file.path}` : "nothing is saved");
    const outcome = outcomeOf(action, code, runId);
    this.#changeState((state) => ({
      ...state,
      ran: [...state.ran, { ranAt: deps.clock.now(), command, outcome }],
      undoable: undoableAfter(action, runId, code, state.undoable),
      panel: state.panel && { ...state.panel, output: [...lines], progress: null, question: null, outcome },
    }));
    if (runId !== null) this.#changeState((state) => ({ ...state, levels: state.levels.map(withoutSelection) }));
    if (isRun(action)) this.#reload();
  }

  /** Another callback may have the name by now, so what runs has the id, in place of the name that is shown. */
  #exactWords({ name, command }: Action): CommandWords {
    const target = name === "undo" ? null : callTargetOf(topLevel(this.#state));
    const [, ...calls] = command.operands ?? [];
    return target === null ? command : { ...command, operands: [target.callback.id, ...calls] };
  }

  /** Lists are read again, as what was done has changed them. */
  #reload(): void {
    this.#loader.restart();
    this.#changeState((state) => ({
      ...state,
      levels: state.levels.map((level) => (level.kind === "callbacks" ? level : { ...level, isLoaded: false })),
    }));
    this.#load();
  }

  #shownPanel(): Panel | null {
    const { panel } = this.#state;
    return panel && { ...panel, progress: this.#wait ?? panel.progress };
  }

  #pressContext(): PressContext {
    const size = this.#fullScreen?.size() ?? { rows: 24, columns: 80 };
    const { rows, columns } = size;
    const panel = this.#shownPanel();
    const level = topLevel(this.#state);
    return {
      page: Math.max(1, rows - HEADER_AND_FOOTER),
      callRows: level.kind === "call" ? callText(level, columns, this.#renderOptions()).length : 0,
      isAskedWhole: panel === null || isAskedWhole(panel, size),
      serviceFlags: this.#invocation.screen.renderOptions.serviceFlags,
      newId: () => ++this.#lastId,
    };
  }

  #renderOptions() {
    return { ...this.#invocation.screen.renderOptions, now: this.#invocation.deps.clock.now() };
  }

  #changePanel(part: Partial<Panel>): void {
    this.#changeState((state) => (state.panel === null ? state : { ...state, panel: { ...state.panel, ...part } }));
  }

  #changeState(change: (state: TriageState) => TriageState): void {
    this.#state = change(this.#state);
    this.#isChanged = true;
  }
}

function isRun({ name }: Action): boolean {
  return name !== "curl" && name !== "save";
}

function outcomeOf(action: Action, code: number, runId: string | null): Outcome {
  if (code !== 0) return { text: `exit code ${code}${runId === null ? "" : `, run ${runId}`}`, isGood: false };
  if (!isRun(action)) return { text: "done", isGood: true };
  return { text: runId === null ? "nothing done" : `done, run ${runId}`, isGood: true };
}

/** An action ends the selection: what was chosen may be gone from the list. */
function withoutSelection(level: Level): Level {
  return level.kind === "calls" ? { ...level, selected: new Map() } : level;
}

function undoableAfter({ name }: Action, runId: string | null, code: number, before: string | null): string | null {
  if (name === "mark" && runId !== null) return runId;
  return name === "undo" && code === 0 ? null : before;
}
