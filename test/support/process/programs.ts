/** Programs of this machine: nothing is downloaded. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export type Env = Readonly<Record<string, string | undefined>>;

export interface Program {
  /** They are looked for on the PATH. */
  readonly names: readonly string[];
  /** The program may be at one of these instead. */
  readonly paths: readonly string[];
  /** The environment variable of this name may have its name or path. */
  readonly variable: string;
}

/** A path; null if there is none. Throws if the variable names none. */
export function findProgram({ names, paths, variable }: Program, env: Env): string | null {
  const wanted = env[variable];
  const onPath = (name: string) => (env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  if (wanted) {
    const found = (/[\\/]/.test(wanted) ? [wanted] : onPath(wanted)).find(isProgram);
    if (found === undefined) throw new Error(`${variable} names no program: ${wanted}`);
    return found;
  }
  return [...names.flatMap(onPath), ...paths].find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
