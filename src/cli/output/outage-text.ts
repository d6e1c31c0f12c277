import type { ListedCallback, ListedOutage } from "../../client/client.js";
import { describePause, endpointHealth, HEALTHS, type Health, type Pause } from "../../domain/callback.js";
import { reconcileLine } from "../../domain/command-line.js";
import { count } from "../../domain/count.js";
import type { LastAttempts } from "../../runs/plan/replay-plan.js";
import type { Palette } from "./screen.js";
import type { Printable } from "./screen-text.js";
import { formatInstant } from "./times.js";

/** Returns the endpoint's state. Without one of the service's, an open outage says as much; null: nothing is known. */
export function reportedHealth({ health, downSince }: ListedCallback, outage: ListedOutage | null = null): Health | null {
  if (health !== null || (outage === null && downSince === null)) return health;
  return endpointHealth({
    endpoint: { state: downSince === null ? "up" : "down", downSince, recoveringSince: null },
    outage: outage && { startedAt: outage.startedAt, quietSince: outage.recoveringSince },
    oldestWaiting: null,
    pause: null,
    events: { reply: true, undeliverable: true },
  });
}

export function healthText({ health }: Health, palette: Palette): Printable {
  const { text, tone } = HEALTHS[health];
  const paint = { good: palette.good, bad: palette.bad, warning: palette.warn, neutral: palette.dim }[tone];
  return paint(text);
}

export function pauseText(pause: Omit<Pause, "at">, utc: boolean): string {
  return describePause(pause, (at) => formatInstant(at, utc));
}

/** `since` is when the oldest waiting call was accepted. */
export function silenceText(since: number, utc: boolean): string {
  return `not answering: no attempt has ended since the oldest waiting call was accepted at ${formatInstant(since, utc)}`;
}

/** Returns null if there is no e-mail yet. One that was only written to a file isn't called sent. The address may be another one by now. */
export function describeNotice({ notifiedAt, notifiedBy, mailError }: ListedOutage, utc: boolean): string | null {
  if (mailError !== null) return `its e-mail could not be sent and is tried again: ${mailError}`;
  if (notifiedAt === null) return null;
  const outcome = { smtp: "was sent", file: "was written to a file, not sent,", unknown: "was sent or written to a file" };
  return `its e-mail ${outcome[notifiedBy ?? "unknown"]} at ${formatInstant(notifiedAt, utc)}`;
}

/** Returns null if the endpoint has none of the calls. */
export function describeOpenEnds(
  { openEnds }: { readonly openEnds: number },
  callback: { readonly id: string; readonly name: string },
  serviceFlags: readonly string[],
): string | null {
  if (openEnds === 0) return null;
  return `the endpoint may have ${openEnds} of them, as it gave no complete answer, or answered 200: \`${reconcileLine(callback, serviceFlags)}\` marks what your system has and sends the rest`;
}

/** Calls that wait for an endpoint that is down are FAILED, but haven't failed. One of them may be in flight. */
export function countFailed(calls: number, unsent: number): string {
  if (unsent === 0) return count(calls, "failed call");
  return calls === unsent
    ? `${count(unsent, "call")} without an outcome yet`
    : `${count(calls - unsent, "failed call")} and ${unsent} without an outcome yet`;
}

export interface CodeCounts extends Pick<LastAttempts, "statusCodes"> {
  /** So many of those without an answer haven't been sent. */
  readonly unsent: number;
}

/** Returns text such as "503: 12, no answer: 3". It is empty if none was sent. */
export function describeCodes({ statusCodes, unsent }: CodeCounts): string {
  return statusCodes
    .flatMap(({ statusCode, calls }): readonly (readonly [string, number])[] =>
      statusCode === null ? [["no answer", calls - unsent]] : [[String(statusCode), calls]],
    )
    .filter(([, calls]) => calls > 0)
    .map(([code, calls]) => `${code}: ${calls}`)
    .join(", ");
}

const MOST_ANSWERS = 5;

/** Names the answers of calls that were chosen by a text in them: it may be in the opposite of what was meant, too. */
export function describeAnswers({ answers = [] }: LastAttempts): readonly string[] {
  const lines = answers.slice(0, MOST_ANSWERS).map(({ answer, calls }) => `  ${calls} answered with ${answer.trim()}`);
  const rest = answers.slice(MOST_ANSWERS);
  const others = rest.reduce((sum, { calls }) => sum + calls, 0);
  return rest.length === 0 ? lines : [...lines, `  ${others} answered with ${count(rest.length, "other text")}`];
}
