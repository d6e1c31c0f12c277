/** A run's journal being written. */
import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { errorMessage, WhcbError } from "../../domain/errors.js";
import { type RunStep, stepText } from "./run-step.js";

/** The file of a journal. */
export interface JournalFile {
  /** Appends; returns how many of the bytes were written. Throws as the file system does (ENOSPC, EIO). */
  write(bytes: Uint8Array): number;
  /** Calls back once all that was written is on disk. Doesn't block. */
  sync(done: (error: Error | null) => void): void;
  close(): void;
}

export type OpenJournalFile = (path: string, at: "new" | number) => JournalFile;

/** A new file (0600; an existing one is an error), or an existing one truncated to so many bytes, to remove a torn last line. */
export const openJournalFile: OpenJournalFile = (path, at) => {
  const descriptor = openSync(path, at === "new" ? "ax" : "a", 0o600);
  if (at !== "new") ftruncateSync(descriptor, at);
  return {
    write: (bytes) => writeSync(descriptor, bytes),
    sync: (done) => fdatasync(descriptor, done),
    close: () => closeSync(descriptor),
  };
};

/** So many bytes are flushed without a request to. */
const FLUSH_EVERY_BYTES = 256 * 1024;

/**
 * Lines go to the operating system before the next step is taken, so that killing this process loses none; `flushed()` waits until
 * they are on disk. While one flush is in progress, the next group collects.
 */
export class Journal {
  /** Set once it can't be written: then nothing may be sent. */
  failure: WhcbError | null = null;
  readonly #file: JournalFile;
  #collected: string;
  #written = 0;
  #onDisk = 0;
  #isFlushing = false;
  #lastFlush: Promise<void> = Promise.resolve();
  #waiting: { readonly upTo: number; readonly resolve: () => void; readonly reject: (error: WhcbError) => void }[] = [];
  /** Of lines that were written in part. */
  #rest: Uint8Array = new Uint8Array();

  /** `prefix`: what the last line of the file lacks. */
  constructor(file: JournalFile, prefix: "" | "\n" = "") {
    this.#file = file;
    this.#collected = prefix;
  }

  /** Throws `unavailable` when the disk is full or broken; what was written before stays readable. */
  append(step: RunStep): void {
    this.collect(step);
    this.write();
  }

  /** For a line that may wait for the others of this turn of the event loop: the caller calls `write` then. */
  collect(step: RunStep): void {
    this.#collected += stepText(step);
  }

  /** Writes what was collected. Throws as `append`. */
  write(): void {
    if (this.#collected === "") return;
    const bytes = Buffer.from(this.#collected, "utf8");
    this.#collected = "";
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    try {
      while (this.#rest.length > 0) {
        const written = this.#file.write(this.#rest);
        this.#rest = this.#rest.subarray(written);
        this.#written += written;
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

  /** Flushes and closes. Never throws: see `failure`. */
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
    this.failure ??= new WhcbError("unavailable", `the run's journal can't be written: ${errorMessage(cause)}`, {
      cause,
      hint: "Nothing more is sent without it. Free some space, then continue with `--resume`.",
    });
    for (const { reject } of this.#waiting) reject(this.failure);
    this.#waiting = [];
    return this.failure;
  }
}
