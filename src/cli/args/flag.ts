import { errorMessage, WhcbError } from "../../domain/errors.js";

export interface Flag<Value> {
  /** `syntax` is in commander's syntax: "-n, --count <n>". */
  readonly syntax: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly defaultText?: string;
  /** Help shows the flag under it. Default: "Flags". */
  readonly heading?: string;
  readonly repeats?: boolean;
  /** Any other flag rejects an empty value: an unset variable of the shell must not select everything. */
  readonly mayBeEmpty?: boolean;
  /** Any other flag rejects white space at the ends of its value: an unset variable may have stood there ("$DAY 06:50"). */
  readonly isVerbatim?: boolean;
  /** A flag with an optional value ("--flag [value]") has it if none is given. */
  readonly valueIfBare?: string;
  /** `conflicts` would be ignored beside this flag, so together they end with exit code 2. */
  readonly conflicts?: readonly Flag<unknown>[];
  /** Without one of these the flag would be ignored, so it ends with exit code 2. */
  readonly needs?: readonly Need[];
  /** `textIfBare` is printed instead of running the command if the optional value is missing. */
  readonly textIfBare?: string;
  /** `raw` is commander's value: undefined, a boolean, a text or texts. Throws `usage`. */
  readonly read: (raw: unknown, context: ReadContext) => Value;
}

export interface Need {
  readonly flag: Flag<unknown>;
  /** The flag must have it. A default counts. */
  readonly value?: string;
}

/** The flags are in the order of help. The handler finds their values under these names. */
export type NamedFlags = Readonly<Record<string, Flag<unknown>>>;

export type FlagValues<Flags extends NamedFlags> = {
  readonly [Name in keyof Flags]: Flags[Name] extends Flag<infer Value> ? Value : never;
};

export interface ReadContext {
  readonly now: number;
  readonly utc: boolean;
  /** Returns what gives a zone of local time that Node doesn't know (`findUnknownZone`), or null. */
  readonly unknownZone?: () => string | null;
}

/** Throws a plain Error that says what the text must be. */
export type ReadText<Value> = (text: string, context: ReadContext) => Value;

export class ParsedArgs {
  readonly operands: readonly string[];
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #context: ReadContext;

  constructor(operands: readonly string[], raw: Readonly<Record<string, unknown>>, context: ReadContext) {
    this.operands = operands;
    this.#raw = raw;
    this.#context = context;
  }

  /** Throws `usage` for an invalid value. */
  get<Value>(flag: Flag<Value>): Value {
    const raw = this.#raw[attributeName(flag.syntax)];
    for (const text of [raw].flat()) {
      const name = flagName(flag.syntax);
      if (!flag.mayBeEmpty) requireFilled(text, name);
      if (!flag.isVerbatim && typeof text === "string" && text.trim() !== text)
        throw new WhcbError("usage", `${name} begins or ends with white space`);
    }
    return flag.read(raw, this.#context);
  }

  /** Throws `usage`, also for a flag that would be ignored. */
  read<Flags extends NamedFlags>(flags: Flags): FlagValues<Flags> {
    const values = Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, this.get(flag)])) as FlagValues<Flags>;
    for (const { syntax, needs } of Object.values(flags)) {
      if (needs === undefined || !this.#isGiven(syntax) || needs.some((need) => this.#isMet(need))) continue;
      const names = needs.map(({ flag, value }) => flagName(flag.syntax) + (value === undefined ? "" : ` ${value}`));
      throw new WhcbError("usage", `${flagName(syntax)} needs ${names.join(" or ")}`);
    }
    return values;
  }

  #isMet({ flag, value }: Need): boolean {
    return value === undefined ? this.#isGiven(flag.syntax) : this.get(flag) === value;
  }

  #isGiven(syntax: string): boolean {
    const raw = this.#raw[attributeName(syntax)];
    return isNegative(syntax) ? raw === false : raw !== undefined;
  }

  /** Returns "" if it is missing, which a required one never is. */
  operand(index: number): string {
    return this.operands[index] ?? "";
  }
}

/** Declares a flag without a value. A negative one ("--no-jitter") reads true when given. */
export function flag(syntax: string, summary: string): Flag<boolean> {
  return { syntax, summary, read: (raw) => raw === !isNegative(syntax) };
}

export function value<Value>(syntax: string, summary: string, readText: ReadText<Value>): Flag<Value | undefined> {
  return {
    syntax,
    summary,
    isVerbatim: Object.is(readText, String),
    read: (raw, context) => (typeof raw === "string" ? readValue(syntax, raw, readText, context) : undefined),
  };
}

/** The default is read like typed text. */
export function valueOr<Value>(syntax: string, summary: string, defaultText: string, readText: ReadText<Value>): Flag<Value> {
  return {
    syntax,
    summary,
    defaultText,
    read: (raw, context) => readValue(syntax, typeof raw === "string" ? raw : defaultText, readText, context),
  };
}

export function choice<Choice extends string>(
  syntax: string,
  summary: string,
  choices: readonly Choice[],
): Flag<Choice | undefined> {
  return { ...value(syntax, summary, oneOf(choices)), choices };
}

export function choiceOr<Choice extends string>(
  syntax: string,
  summary: string,
  defaultText: Choice,
  choices: readonly Choice[],
): Flag<Choice> {
  return { ...valueOr(syntax, summary, defaultText, oneOf(choices)), choices };
}

/** The flag may be given several times; each text may be a comma-separated list. */
export function values<Value>(syntax: string, summary: string, readText: ReadText<Value>): Flag<readonly Value[] | undefined> {
  return {
    syntax,
    summary,
    repeats: true,
    isVerbatim: Object.is(readText, String),
    read: (raw, context) => {
      if (!Array.isArray(raw)) return undefined;
      const texts = raw.flatMap((text) => String(text).split(","));
      for (const text of texts) requireFilled(text, `an element of ${flagName(syntax)}`);
      return texts.map((text) => readValue(syntax, text.trim(), readText, context));
    },
  };
}

export function under<Flags extends NamedFlags>(heading: string, flags: Flags): Flags {
  return withEach(flags, { heading });
}

export function needing<Flags extends NamedFlags>(needs: readonly Need[], flags: Flags): Flags {
  return withEach(flags, { needs });
}

function withEach<Flags extends NamedFlags>(flags: Flags, more: Partial<Flag<unknown>>): Flags {
  return { ...flags, ...Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, ...more }])) };
}

/** Returns the text that help, the manual pages and docs/flags.md have. */
export function describeFlag({ summary, defaultText }: Flag<unknown>): string {
  return defaultText === undefined ? summary : `${summary} (default: ${defaultText})`;
}

/** Returns "--status-code" for "-s, --status-code <codes>". */
export function flagName(syntax: string): string {
  return `--${longName(syntax)}`;
}

export function attributeName(syntax: string): string {
  return longName(syntax)
    .replace(/^no-/, "")
    .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

export function requireFilled(value: unknown, name: string): void {
  if (typeof value === "string" && value.trim() === "") throw new WhcbError("usage", `${name} is empty`);
}

/** Commander's value of such a flag is true by default. */
function isNegative(syntax: string): boolean {
  return longName(syntax).startsWith("no-");
}

function longName(syntax: string): string {
  return /--([a-z][a-z-]*)/.exec(syntax)?.[1] ?? "";
}

function readValue<Value>(syntax: string, text: string, readText: ReadText<Value>, context: ReadContext): Value {
  try {
    return readText(text, context);
  } catch (error) {
    if (error instanceof WhcbError) throw error;
    throw new WhcbError("usage", `${flagName(syntax)}: ${JSON.stringify(text)} ${errorMessage(error)}`);
  }
}

function oneOf<Choice extends string>(choices: readonly Choice[]): ReadText<Choice> {
  return (text) => {
    const found = choices.find((choice) => choice === text.toLowerCase());
    if (found === undefined) throw new Error(`must be one of ${choices.join(", ")}`);
    return found;
  };
}
