import { systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { placeOfFile } from "./open-sqlite.js";

const LOOK_EACH_MS = 1_000;

/**
 * What is accepted after a restore would be kept in the file that was moved away, and be gone at the next start. Calls `onMoved` once with the
 * error. The returned function ends the watch. A file system without birth times can't be watched.
 */
export function watchFile(path: string, clock: Clock, onMoved: (error: WhcbError) => void): () => Promise<void> {
  const findMoved = movedCheck(path, "Stop `whcb serve` before you restore a backup, and start it again afterwards.");
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    for (let error = findMoved(); !stopping.signal.aborted; error = findMoved()) {
      if (error !== null) return onMoved(error);
      await clock.sleepUntil(clock.now() + LOOK_EACH_MS, stopping.signal);
    }
  };
  const watching = watch();
  return () => {
    stopping.abort();
    return watching;
  };
}

/**
 * Returns a function that returns an error once the file that is at the path now was moved or replaced, and null before, in a file system
 * without birth times, and while the path can't be looked at.
 */
export function movedCheck(path: string, hint: string): () => WhcbError | null {
  const place = placeOfFile(path);
  return () => {
    try {
      if (placeOfFile(path) === place) return null;
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT") return null;
    }
    return place === null ? null : new WhcbError("unavailable", `${path} was moved or replaced while it was in use`, { hint });
  };
}
