import { systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { placeOfFile } from "./open-sqlite.js";

const LOOK_EACH_MS = 1_000;

/**
 * What is accepted after a restore would be kept in the file that was moved away, and be gone at the next start. Calls `onMoved` once with the
 * error. The returned function ends the watch. A file system without birth times can't be watched.
 */
export function watchFile(path: string, clock: Clock, onMoved: (error: WhcbError) => void): () => Promise<void> {
  const place = placeOfFile(path);
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    if (place === null) return;
    while (isFileAt(path, place)) {
      await clock.sleepUntil(clock.now() + LOOK_EACH_MS, stopping.signal);
      if (stopping.signal.aborted) return;
    }
    const hint = "Stop `whcb serve` before you restore a backup, and start it again afterwards.";
    onMoved(new WhcbError("unavailable", `${path} was moved or replaced while it was served`, { hint }));
  };
  const watching = watch();
  return () => {
    stopping.abort();
    return watching;
  };
}

/** Returns true, too, if the path can't be looked at for the moment. */
function isFileAt(path: string, place: string): boolean {
  try {
    return placeOfFile(path) === place;
  } catch (error) {
    return systemErrorCode(error) !== "ENOENT";
  }
}
