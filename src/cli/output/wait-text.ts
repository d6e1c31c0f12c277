import type { Wait } from "../../client/wait.js";
import { count } from "../../domain/count.js";
import { formatDuration } from "../../domain/duration.js";
import type { TimeOptions } from "./screen.js";
import { formatTime } from "./times.js";

/** Says for what, until when and since when. */
export function waitText(wait: Wait, since: number, options: TimeOptions): string {
  const sinceText = `since ${formatTime(since, options)}`;
  switch (wait.for) {
    case "answer":
      return `waiting for the ${wait.from}'s answer ${sinceText}, until ${formatTime(wait.until, options)} at most`;
    case "pause": {
      const status = wait.status === null ? "" : `${wait.status}, `;
      const asked = `(${status}Retry-After: ${Math.ceil(wait.retryAfterMs / 1_000)})`;
      return `the ${wait.from} asks to wait until ${formatTime(wait.until, options)} ${asked}, ${sinceText}`;
    }
    case "retry": {
      const inTime = formatDuration(Math.max(0, wait.until - options.now));
      return `the service fails (${wait.reason}); trying again in ${inTime} (${wait.tried + 1} of ${wait.mostTries}), ${sinceText}`;
    }
    case "rate":
      return limitText(wait.perSecond);
  }
}

export function limitText(perSecond: number): string {
  return `limit of ${count(perSecond, "request")} a second`;
}

export function readText(what: string, calls: number, total: number | null): string {
  return `reading ${what}: ${calls}${total === null ? "" : ` of ${total}`}`;
}
