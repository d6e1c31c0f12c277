/** The file beneath a journal: bytes at its end, and the wish to have them on disk. */
import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";

export interface JournalFile {
  /** Appends; returns how many of the bytes were taken. Throws as the file system does (ENOSPC, EIO). */
  write(bytes: Uint8Array): number;
  /** Calls back once all that was written is on disk. Work of a background thread. */
  sync(done: (error: Error | null) => void): void;
  close(): void;
}

export type OpenJournalFile = (path: string, at: "new" | number) => JournalFile;

/**
 * A new file (0600; an existing one is an error), or an existing one cut off after so many bytes: behind a torn last line
 * nothing can be appended.
 */
export const openJournalFile: OpenJournalFile = (path, at) => {
  const descriptor = openSync(path, at === "new" ? "ax" : "a", 0o600);
  if (at !== "new") ftruncateSync(descriptor, at);
  return {
    write: (bytes) => writeSync(descriptor, bytes),
    sync: (done) => fdatasync(descriptor, done),
    close: () => closeSync(descriptor),
  };
};
