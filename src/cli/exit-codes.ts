/** docs/cli.md, "Conventions", describes the exit codes. */
import type { ErrorCode } from "../domain/errors.js";

export const EXIT_DONE = 0;
export const EXIT_BUG = 1;
export const EXIT_ITEMS_FAILED = 8;
export const EXIT_INTERRUPTED = 130;

export const EXIT_CODES = {
  usage: 2,
  malformed: 2,
  invalid: 2,
  "duplicate-name": 2,
  "endpoint-check-failed": 2,
  "address-refused": 2,
  "too-large": 2,
  "not-found": 3,
  unauthenticated: 4,
  forbidden: 4,
  config: 4,
  "rate-limited": 5,
  "quota-exceeded": 5,
  "unsupported-media-type": 5,
  "method-not-allowed": 5,
  unavailable: 5,
  network: 5,
  locked: 5,
  "too-late": 5,
  "other-database": 5,
  "items-failed": EXIT_ITEMS_FAILED,
  interrupted: EXIT_INTERRUPTED,
} as const satisfies Record<ErrorCode, number>;

export const EXIT_CODE_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_DONE, "done"],
  [EXIT_BUG, "unexpected: a bug in whcb, with a stack trace on stderr"],
  [2, "usage: invalid command, flag, file or value; nothing was done"],
  [3, "not found: no such callback, call, run, profile or user"],
  [4, "credentials or settings: missing, wrong or unreadable"],
  [5, "service or network: no answer, an error, or over its limits; trying again may help"],
  [EXIT_ITEMS_FAILED, "finished, but some items failed, or a check was exceeded"],
  [EXIT_INTERRUPTED, "interrupted (Ctrl-C); a replay prints the command that resumes it"],
];

/** `whcb help exit-codes` prints it. */
export const EXIT_CODES_HELP = `Exit codes

${EXIT_CODE_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}\n`).join("")}`;
