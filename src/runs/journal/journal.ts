/** A run's journal being written. */
import { WhcbError } from "../../domain/errors.js";
import type { JournalFile } from "./journal-file.js";
import { type JournalLine, journalText } from "./journal-line.js";

/** So many bytes are flushed without being asked for; what waits for its flush asks earlier. */
const FLUSH_EVERY_BYTES = 256 * 1024;

/**
 * Lines are handed to the operating system as they come, or by turns of the event loop, so that killing this process loses none on which something was
 * built; `flushed()` waits until they are on disk. While one flush is under way the next group gathers.
 */
export class Journal {
  /** Set once it can't be written any more: then nothing may be sent. */
  failure: WhcbError | null = null;
  readonly #file: JournalFile;
  #gathered = "";
  #written = 0;
  #onDisk = 0;
  #isFlushing = false;
  #lastFlush: Promise<void> = Promise.resolve();
  #waiting: { readonly upTo: number; readonly resolve: () => void; readonly reject: (error: WhcbError) => void }[] = [];
  /** The rest of lines that were taken in part. */
  #rest: Uint8Array = new Uint8Array();

  constructor(file: JournalFile) {
    this.#file = file;
  }

  /** Throws `unavailable` when the disk is full or broken; what came before stays readable. */
  append(...lines: readonly JournalLine[]): void {
    this.appendText(lines.map(journalText).join(""));
  }

  /** A line that may wait for the others of this turn of the event loop; whoever calls it sees to `write` then. */
  gather(line: JournalLine): void {
    this.#gathered += journalText(line);
  }

  /** Whole lines, each with its end; what was gathered goes before them. */
  appendText(text: string): void {
    this.#gathered += text;
    this.write();
  }

  /** Hands over what was gathered. Throws as `append`. */
  write(): void {
    if (this.#gathered === "") return;
    const bytes = Buffer.from(this.#gathered, "utf8");
    this.#gathered = "";
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    try {
      while (this.#rest.length > 0) {
        const taken = this.#file.write(this.#rest);
        this.#rest = this.#rest.subarray(taken);
        this.#written += taken;
      }
    } catch (error) {
      throw this.#fail(error);
    }
    if (this.#written - this.#onDisk >= FLUSH_EVERY_BYTES) this.#flush();
  }

  /** Resolves when all that was appended so far is on disk. Rejects with `unavailable`. */
  flushed(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    try {
      this.write();
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#onDisk === this.#written) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ upTo: this.#written, resolve, reject });
      this.#flush();
    });
  }

  /** Flushes and closes. Never throws: `failure` tells. */
  async close(): Promise<void> {
    await this.flushed().catch(() => undefined);
    await this.#lastFlush;
    this.#file.close();
  }

  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#lastFlush = new Promise((resolve) => this.#sync(resolve));
  }

  #sync(ended: () => void): void {
    const upTo = this.#written;
    this.#file.sync((error) => {
      this.#isFlushing = false;
      ended();
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#onDisk = upTo;
      const done = this.#waiting.filter((waiter) => waiter.upTo <= upTo);
      this.#waiting = this.#waiting.filter((waiter) => waiter.upTo > upTo);
      for (const { resolve } of done) resolve();
      if (this.#waiting.length > 0) this.#flush();
    });
  }

  #fail(cause: unknown): WhcbError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.failure ??= new WhcbError("unavailable", `the run's journal can't be written: ${reason}`, {
      cause,
      hint: "Nothing more is sent without it. Make room, then go on with `--resume`.",
    });
    for (const { reject } of this.#waiting) reject(this.failure);
    this.#waiting = [];
    return this.failure;
  }
}
