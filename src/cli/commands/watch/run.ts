import type { Client, ListedCallback } from "../../../client/client.js";
import { KeptMemory } from "../../../client/list-walker.js";
import { errorMessage, isWhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../../exit-codes.js";
import { loadOnScreen } from "../../full-screen/load-on-screen.js";
import { canFillScreen, withDisplay } from "../../full-screen/with-display.js";
import { onInterrupt } from "../../on-interrupt.js";
import { type ScreenText, text } from "../../output/screen-text.js";
import { findNamedCallback, SCREEN_PATIENCE_MS, type Session, withSession } from "../../settings/session.js";
import { CallbackReader } from "./callback-reader.js";
import { addReading, type WatchedCallback } from "./watch-state.js";
import {
  countsLine,
  eventLine,
  type Freshness,
  freshnessLine,
  quietLine,
  shortEventLine,
  type WatchEvent,
  watchFrame,
} from "./watch-text.js";

const INTERVAL_MS = 2_000;
const TICK_MS = 1_000;
const SILENT_MS = 5_000;
/** That a pipe's reader has gone shows only when a line is written. */
const QUIET_MS = 10_000;
const MOST_EVENTS = 500;

export function run(invocation: Invocation): Promise<number> {
  return withSession(
    invocation,
    async (session) => {
      const load = () => openWatch(invocation, session);
      if (!canFillScreen(invocation)) return (await load()).printLines();
      const opened = await loadOnScreen(invocation, "whcb watch", load);
      // The screen hides the warning.
      session.client.requireOwnDatabase();
      return "code" in opened ? opened.code : opened.loaded.fillScreen();
    },
    { readPatienceMs: () => SCREEN_PATIENCE_MS },
  );
}

async function openWatch(invocation: Invocation, session: Session): Promise<Watch> {
  const { client, target } = session;
  const named = await findNamedCallback(invocation, session);
  const callbacks = named === null ? await client.listCallbacks() : [named];
  // While all is well, no more time passes between two answers.
  const silentMs = SILENT_MS + (target.kind === "http" && target.rate !== null ? 2_000 / target.rate : 0);
  const watch = new Watch(client, callbacks, silentMs, invocation);
  await watch.read();
  return watch;
}

class Watch {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #silentMs: number;
  readonly #readers: readonly CallbackReader[];
  readonly #watched: (WatchedCallback | null)[];
  readonly #ending = new AbortController();
  /** `events` are short lines, as an event may be large. The newest comes first. */
  #events: readonly ScreenText[] = [];
  #answeredAt: number;
  #lost: Freshness["lost"] = null;
  #isReading = false;
  #onEvent: (event: WatchEvent) => void = () => undefined;
  #onCounts: (watched: WatchedCallback) => void = () => undefined;
  #onFreshness: () => void = () => undefined;

  constructor(client: Client, callbacks: readonly ListedCallback[], silentMs: number, invocation: Invocation) {
    const { clock } = invocation.deps;
    this.#invocation = invocation;
    this.#client = client;
    this.#silentMs = silentMs;
    this.#readers = callbacks.map((callback) => new CallbackReader(client, callback, () => clock.monotonicMs()));
    this.#watched = callbacks.map(() => null);
    this.#answeredAt = clock.now();
  }

  async read(): Promise<void> {
    const outages = (await this.#client.listOutages()) ?? [];
    this.#noteAnswer();
    const kept = new KeptMemory();
    for (const [index, reader] of this.#readers.entries()) {
      if (this.#ending.signal.aborted) return;
      const reading = await reader.read(outages, kept, () => this.#noteAnswer());
      const { watched, changes } = addReading(this.#watched[index] ?? null, reading);
      this.#watched[index] = watched;
      for (const change of changes) {
        if (change.kind === "counts") this.#onCounts(watched);
        else {
          const attemptedAt = change.kind === "failure" ? change.call.attemptedAt : null;
          this.#addEvent({ happenedAt: attemptedAt ?? this.#now(), callback: reading.callback, change });
        }
      }
    }
  }

  async fillScreen(): Promise<number> {
    let code = EXIT_DONE;
    const end = (by: number): void => {
      code = by;
      this.#ending.abort();
    };
    return withDisplay(this.#invocation, {
      frame: ({ rows }) =>
        watchFrame(
          { callbacks: this.#knownCallbacks(), events: this.#events, freshness: this.#freshness() },
          rows,
          this.#renderOptions(),
        ),
      onKey: (key) => {
        if (key.name === "interrupt") end(EXIT_INTERRUPTED);
        if (key.name === "character" && key.character === "q") end(EXIT_DONE);
      },
      onInterrupt: () => end(EXIT_INTERRUPTED),
      run: async (display) => {
        await this.#follow(() => display.update());
        return code;
      },
    }).then((ended) => this.#endWith(ended));
  }

  /** Prints until Ctrl-C. */
  async printLines(): Promise<number> {
    const { screen, deps } = this.#invocation;
    const { clock } = deps;
    let written = Promise.resolve();
    let printedAt = clock.monotonicMs();
    const print = (line: ScreenText): void => {
      printedAt = clock.monotonicMs();
      written = screen.out(text`${line}\n`).catch((error: unknown) => this.#ending.abort(error));
    };
    this.#onEvent = (event) => print(eventLine(event, this.#renderOptions()));
    this.#onCounts = (watched) => print(countsLine(watched, this.#renderOptions()));
    this.#onFreshness = () => screen.info(freshnessLine(this.#freshness(), this.#renderOptions()));
    for (const watched of this.#knownCallbacks()) this.#onCounts(watched);
    using _interrupt = onInterrupt(deps.io, () => this.#ending.abort());
    await this.#follow(() => {
      const isQuiet = clock.monotonicMs() - printedAt >= QUIET_MS;
      if (deps.io.stdout.isPipe === true && isQuiet) print(quietLine(this.#freshness(), this.#renderOptions()));
    });
    await written;
    return this.#endWith(EXIT_INTERRUPTED);
  }

  /** Follows until `#ending` is aborted. */
  async #follow(onTick: () => void): Promise<void> {
    const { signal } = this.#ending;
    const { clock } = this.#invocation.deps;
    void this.#keepReading().catch((error: unknown) => this.#ending.abort(error));
    while (!signal.aborted) {
      if (this.#lost === null && clock.now() - this.#answeredAt > this.#silentMs) this.#noteLost(null);
      onTick();
      await clock.sleepUntil(clock.now() + TICK_MS, signal);
    }
  }

  /** Returns the code, or throws what ended it. */
  #endWith(code: number): number {
    const { reason } = this.#ending.signal;
    if (!(reason instanceof DOMException)) throw reason;
    // A request may be retried for minutes.
    if (this.#isReading) this.#invocation.deps.io.exitNow(code);
    return code;
  }

  async #keepReading(): Promise<void> {
    const { signal } = this.#ending;
    const { clock } = this.#invocation.deps;
    while (!signal.aborted) {
      await clock.sleepUntil(clock.now() + INTERVAL_MS, signal);
      if (signal.aborted) return;
      this.#isReading = true;
      try {
        await this.read();
      } catch (error) {
        if (!isWhcbError(error)) throw error;
        this.#noteLost(errorMessage(error));
      }
      this.#isReading = false;
    }
  }

  #noteAnswer(): void {
    this.#answeredAt = this.#now();
    if (this.#lost === null) return;
    this.#lost = null;
    this.#onFreshness();
  }

  #noteLost(reason: string | null): void {
    const isNew = this.#lost === null;
    this.#lost = { reason };
    if (isNew) this.#onFreshness();
  }

  #addEvent(event: WatchEvent): void {
    this.#events = [shortEventLine(event, this.#renderOptions()), ...this.#events].slice(0, MOST_EVENTS);
    this.#onEvent(event);
  }

  #now(): number {
    return this.#invocation.deps.clock.now();
  }

  #knownCallbacks(): readonly WatchedCallback[] {
    return this.#watched.filter((watched) => watched !== null);
  }

  #freshness(): Freshness {
    return { service: this.#client.name, answeredAt: this.#answeredAt, lost: this.#lost };
  }

  #renderOptions() {
    return { ...this.#invocation.screen.renderOptions, now: this.#now() };
  }
}
