/** Colours by what they mean. chalk is loaded only where there is colour. */
export interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

type Paint = (text: string) => string;

const plain: Paint = (text) => text;

export const PLAIN: Palette = { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };

export async function loadPalette(color: boolean): Promise<Palette> {
  if (!color) return PLAIN;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  return { good: chalk.green, bad: chalk.red, warn: chalk.yellow, dim: chalk.dim, strong: chalk.bold };
}

/**
 * Whether a stream gets colour: --no-color, NO_COLOR and TERM=dumb say no, FORCE_COLOR says yes (unless "0" or "false"), else a
 * terminal does.
 */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  noColorFlag: boolean,
): boolean {
  if (noColorFlag || (env.NO_COLOR ?? "") !== "") return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return stream.isTTY === true && env.TERM !== "dumb";
}
