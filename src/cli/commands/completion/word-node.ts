/** A place in a command line. */
export interface WordNode {
  /** "" is whcb itself, then "calls", "calls list". */
  readonly path: string;
  readonly words: readonly (readonly [word: string, summary: string])[];
  readonly flags: readonly CompletedFlag[];
}

export interface CompletedFlag {
  readonly name: string;
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}
