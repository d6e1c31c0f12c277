import { closeSync, createReadStream, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { TO_APPEND, TO_CHANGE } from "../../platform/files/excess-mode.js";
import { parseStep, type RunStep, stepText } from "./run-step.js";

export interface JournalFile {
  /** Returns the bytes written. Throws as the file system does (ENOSPC, EIO). */
  write(bytes: Uint8Array): number;
  /** Calls back once everything written is on disk. */
  sync(done: (error: Error | null) => void): void;
  close(): void;
}

export type OpenJournalFile = (path: string, at: "new" | number) => JournalFile;

/** Creates a file (0600), and fails if it exists; or opens an existing one and truncates it to `at` bytes. */
export const openJournalFile: OpenJournalFile = (path, at) => {
  if (at !== "new") truncate(path, at);
  const descriptor = openSync(path, at === "new" ? "ax" : TO_APPEND, 0o600);
  return {
    write: (bytes) => writeSync(descriptor, bytes),
    sync: (done) => fdatasync(descriptor, done),
    close: () => closeSync(descriptor),
  };
};

/** Windows can't truncate a file that is open to append. */
function truncate(path: string, length: number): void {
  const descriptor = openSync(path, TO_CHANGE);
  try {
    ftruncateSync(descriptor, length);
  } finally {
    closeSync(descriptor);
  }
}

/** So many bytes are flushed without a call of `flush`. */
const FLUSH_EVERY_BYTES = 256 * 1024;

/** Lines reach the OS before the next step, so killing the process loses none; `flush()` waits for the disk. */
export class Journal {
  /** Once set, nothing may be sent. */
  failure: WhcbError | null = null;
  readonly #file: JournalFile;
  #collected: string;
  #written = 0;
  #onDisk = 0;
  #isFlushing = false;
  #lastFlush: Promise<void> = Promise.resolve();
  #waiting: { readonly upTo: number; readonly resolve: () => void; readonly reject: (error: WhcbError) => void }[] = [];
  #rest: Uint8Array = new Uint8Array();

  /** `prefix` is the line end that the file lacks. */
  constructor(file: JournalFile, prefix: "" | "\n" = "") {
    this.#file = file;
    this.#collected = prefix;
  }

  /** Throws `unavailable` if the disk is full or broken. Earlier lines stay readable. */
  append(step: RunStep): void {
    this.collect(step);
    this.write();
  }

  /** The line is written with the others of this turn, when the caller calls `write`. */
  collect(step: RunStep): void {
    this.#collected += stepText(step);
  }

  /** Throws as `append`. */
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
    if (this.#written - this.#onDisk >= FLUSH_EVERY_BYTES) this.#startSync();
  }

  /** Resolves when all appended so far is on disk. Rejects with `unavailable`. */
  flush(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    try {
      this.write();
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#onDisk === this.#written) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ upTo: this.#written, resolve, reject });
      this.#startSync();
    });
  }

  /** Never throws: see `failure`. */
  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    await this.#lastFlush;
    this.#file.close();
  }

  #startSync(): void {
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
      if (this.#waiting.length > 0) this.#startSync();
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

export interface JournalEnd {
  /** A resumed run appends here, after the last whole line. */
  readonly length: number;
  /** The writer adds the missing line end. */
  readonly lacksLineEnd: boolean;
}

const LINE_END = 0x0a;

/**
 * Reads the steps in order, and ignores a torn last line, and lines with zeros: a power cut kept their page from the disk, so they weren't
 * flushed. Throws `malformed` for another bad line before good ones, or a file that can't be read, `not-found` without a file.
 */
export async function readJournal(path: string, onStep: (step: RunStep) => void): Promise<JournalEnd> {
  let length = 0;
  let offset = 0;
  let badAt: number | null = null;
  let rest: Buffer = Buffer.alloc(0);

  function readLine(bytes: Buffer): boolean {
    const step = parseStep(bytes.toString("utf8"));
    if (step === null) return false;
    if (badAt !== null) throw unreadableJournal(path, `is damaged at byte ${badAt}`);
    onStep(step);
    return true;
  }

  for await (const chunk of readChunks(path)) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
      const line = bytes.subarray(start, end);
      if (readLine(line)) length = offset + end + 1;
      else if (!line.includes(0)) badAt ??= offset + start;
      start = end + 1;
    }
    rest = bytes.subarray(start);
    offset += start;
  }
  if (rest.length > 0 && badAt === null && readLine(rest)) return { length: offset + rest.length, lacksLineEnd: true };
  return { length, lacksLineEnd: false };
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) yield chunk;
  } catch (error) {
    throw journalError(path, error);
  }
}

/** Returns the error of a journal that couldn't be read. */
export function journalError(path: string, cause: unknown): WhcbError {
  if (systemErrorCode(cause) === "ENOENT") return new WhcbError("not-found", `no run journal ${path}`, { cause });
  return unreadableJournal(path, `can't be read: ${errorMessage(cause)}`, cause);
}

function unreadableJournal(path: string, problem: string, cause?: unknown): WhcbError {
  return new WhcbError("malformed", `the journal ${path} ${problem}`, {
    cause,
    hint: "It may have calls that arrived and aren't marked. Move it away to go on without it.",
  });
}

const LINUX_BOOT_ID = "/proc/sys/kernel/random/boot_id";
/** The wall clock may be adjusted. */
const TOLERANCE_S = 120;

/** Identifies the boot: a power cut may lose unflushed lines, but a killed process loses none. */
export async function readBootId(clock: Clock): Promise<string> {
  const id = await readFile(LINUX_BOOT_ID, "utf8").catch(() => "");
  return id.trim() || `since ${Math.round(clock.now() / 1_000 - uptime())}`;
}

export function isSameBoot(one: string, other: string): boolean {
  const [first, second] = [secondsOf(one), secondsOf(other)];
  return one === other || (first !== null && second !== null && Math.abs(first - second) <= TOLERANCE_S);
}

function secondsOf(bootId: string): number | null {
  const seconds = /^since (\d+)$/.exec(bootId)?.[1];
  return seconds === undefined ? null : Number(seconds);
}
