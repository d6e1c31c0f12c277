import type { Client, ListedCallback } from "../../../client/client.js";
import { KeptMemory } from "../../../client/list-walker.js";
import { errorMessage, isWhcbError, type WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import { onInterrupt } from "../../on-interrupt.js";
import { text } from "../../output/screen-text.js";
import { findNamedCallback, withSession } from "../../settings/session.js";
import { AttemptReader, type FollowedAttempt } from "./attempt-reader.js";
import { openAttemptLines } from "./attempt-text.js";

interface Pace {
  readonly readEachMs: number;
  readonly windowEachMs: number;
}

const PACE: Pace = { readEachMs: 1_000, windowEachMs: 10_000 };
/** A day at this pace fits into the smallest plan's 10 000 requests. */
const PLATFORM_PACE: Pace = { readEachMs: 15_000, windowEachMs: 60_000 };
const NEW_CALLBACKS_EACH_MS = 30_000;
const TICK_MS = 500;
const SILENT_MS = 3_000;

export function run(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const { client, target } = session;
    const pace = target.kind === "http" && target.rate !== null ? PLATFORM_PACE : PACE;
    return new Follow(invocation, client, pace).run(await findNamedCallback(invocation, session));
  });
}

class Follow {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #pace: Pace;
  readonly #ending = new AbortController();
  readonly #readers = new Map<string, AttemptReader>();
  readonly #write: (attempts: readonly FollowedAttempt[]) => Promise<void>;
  #callbacksReadAtMs = 0;
  #answeredAtMs = 0;
  #isReading = false;
  #isLost = false;

  constructor(invocation: Invocation, client: Client, pace: Pace) {
    this.#invocation = invocation;
    this.#client = client;
    this.#pace = pace;
    this.#write = openAttemptLines(invocation.screen);
  }

  /** Follows the callback, or all of them if it is null, until Ctrl-C. */
  async run(callback: ListedCallback | null): Promise<number> {
    const { deps, screen } = this.#invocation;
    const { signal } = this.#ending;
    const callbacks = callback === null ? await this.#client.listCallbacks() : [callback];
    const kept = new KeptMemory();
    for (const each of callbacks) await this.#readerOf(each).begin(this.#nowMs(), kept);
    this.#callbacksReadAtMs = this.#nowMs();
    screen.info(`following ${callback === null ? "all callbacks" : callback.name}; Ctrl-C ends`);
    using _interrupt = onInterrupt(deps.io, () => this.#ending.abort());
    const reading = this.#keepReading(callback === null).catch((error: unknown) => this.#ending.abort(error));
    while (!signal.aborted) {
      if (this.#isReading && this.#nowMs() - this.#answeredAtMs > SILENT_MS) this.#noteLost("no answer");
      await deps.clock.sleepUntil(deps.clock.now() + TICK_MS, signal);
    }
    if (!(signal.reason instanceof DOMException)) throw signal.reason;
    // A request may be retried for minutes.
    if (this.#isReading) deps.io.exitNow(EXIT_INTERRUPTED);
    await reading;
    return EXIT_INTERRUPTED;
  }

  async #keepReading(findsNew: boolean): Promise<void> {
    const { signal } = this.#ending;
    const { clock } = this.#invocation.deps;
    while (!signal.aborted) {
      await clock.sleepUntil(clock.now() + this.#pace.readEachMs, signal);
      if (signal.aborted) return;
      this.#answeredAtMs = this.#nowMs();
      this.#isReading = true;
      try {
        if (findsNew && this.#nowMs() - this.#callbacksReadAtMs >= NEW_CALLBACKS_EACH_MS) await this.#findCallbacks();
        const kept = new KeptMemory();
        for (const reader of [...this.#readers.values()]) {
          const attempts = await this.#readOne(reader, kept, findsNew);
          this.#isReading = false;
          await this.#write(attempts);
          this.#isReading = true;
          if (signal.aborted) return;
        }
      } catch (error) {
        if (!isWhcbError(error) || !isPassing(error)) throw error;
        this.#noteLost(errorMessage(error));
      } finally {
        this.#isReading = false;
      }
    }
  }

  async #readOne(reader: AttemptReader, kept: KeptMemory, mayBeDeleted: boolean): Promise<readonly FollowedAttempt[]> {
    try {
      return await reader.read(this.#nowMs(), kept, () => this.#noteAnswer());
    } catch (error) {
      if (!mayBeDeleted || !isWhcbError(error, "not-found")) throw error;
      this.#readers.delete(reader.callback.id);
      return [];
    }
  }

  /** Everything of a new callback is new. */
  async #findCallbacks(): Promise<void> {
    for (const callback of await this.#client.listCallbacks()) this.#readerOf(callback);
    this.#callbacksReadAtMs = this.#nowMs();
    this.#noteAnswer();
  }

  #readerOf(callback: ListedCallback): AttemptReader {
    const reader = this.#readers.get(callback.id) ?? new AttemptReader(this.#client, callback, this.#pace.windowEachMs);
    this.#readers.set(callback.id, reader);
    return reader;
  }

  #noteAnswer(): void {
    this.#answeredAtMs = this.#nowMs();
    if (this.#isLost) this.#invocation.screen.info(`connected to ${this.#client.name} again`);
    this.#isLost = false;
  }

  #noteLost(reason: string): void {
    if (!this.#isLost) this.#invocation.screen.info(text`reconnecting to ${this.#client.name}: ${reason}`);
    this.#isLost = true;
  }

  #nowMs(): number {
    return this.#invocation.deps.clock.monotonicMs();
  }
}

function isPassing({ code }: WhcbError): boolean {
  return code === "network" || code === "unavailable" || code === "rate-limited";
}
