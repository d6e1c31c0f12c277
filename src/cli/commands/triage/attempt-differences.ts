import type { ListedAttempt } from "../../../client/client.js";
import { formatDuration } from "../../../domain/duration.js";

/** Returns a line for each attempt after the first: how it differs from the one before. Those that don't differ share a line. */
export function describeDifferences(attempts: readonly ListedAttempt[]): readonly string[] {
  const lines: string[] = [];
  let same: number[] = [];
  const endSame = (): void => {
    const [first] = same;
    if (first !== undefined) lines.push(`${same.length === 1 ? `#${first}` : `#${first} to #${same.at(-1)}`} as #${first - 1}`);
    same = [];
  };
  for (const [index, attempt] of attempts.entries()) {
    const before = attempts[index - 1];
    if (before === undefined) continue;
    const differences = differencesOf(before, attempt);
    if (differences.length === 0) same.push(attempt.number);
    else {
      endSame();
      lines.push(`#${attempt.number} not as #${before.number}: ${differences.join("; ")}`);
    }
  }
  endSame();
  return lines;
}

/** Times differ always: only one that is many times the other is worth a word. */
const MUCH_LONGER = 5;
const SHORT_MS = 100;

function differencesOf(before: ListedAttempt, now: ListedAttempt): readonly string[] {
  const outcome = ({ statusCode, statusMessage }: ListedAttempt) => [statusCode, statusMessage].filter(Boolean).join(" ");
  const sender = ({ sentFrom }: ListedAttempt) => sentFrom ?? "the service";
  return [
    outcome(before) === outcome(now) ? "" : `${outcome(before)} -> ${outcome(now)}`,
    before.body === now.body ? "" : `answer ${bodyText(before)} -> ${bodyText(now)}`,
    sender(before) === sender(now) ? "" : `sent by ${sender(now)}`,
    isMuchLonger(before.durationMs, now.durationMs) || isMuchLonger(now.durationMs, before.durationMs)
      ? `took ${formatDuration(before.durationMs)} -> ${formatDuration(now.durationMs)}`
      : "",
  ].filter((difference) => difference !== "");
}

function bodyText({ body }: ListedAttempt): string {
  return body === null ? "none" : JSON.stringify(body.length > 60 ? `${body.slice(0, 60)}…` : body);
}

function isMuchLonger(ms: number, otherMs: number): boolean {
  return ms > Math.max(otherMs, SHORT_MS) * MUCH_LONGER;
}
