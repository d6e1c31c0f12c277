/** The Chromium of this machine: nothing is downloaded. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chromium-headless-shell"];
/** Not on the PATH of macOS. */
const APPLICATIONS = ["Google Chrome", "Chromium"].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);

export const NO_CHROMIUM = `no Chromium found on PATH (${NAMES.join(", ")}); install one, such as Debian's and Ubuntu's package chromium, or set WHCB_CHROMIUM to its path`;

/** A path; null if there is none. Throws if WHCB_CHROMIUM, a name or a path, names none. */
export function findChromium(env: Env, applications: readonly string[] = APPLICATIONS): string | null {
  const wanted = env.WHCB_CHROMIUM;
  const onPath = (name: string) => (env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  if (wanted) {
    const found = (/[\\/]/.test(wanted) ? [wanted] : onPath(wanted)).find(isProgram);
    if (found === undefined) throw new Error(`WHCB_CHROMIUM names no program: ${wanted}`);
    return found;
  }
  return [...NAMES.flatMap(onPath), ...applications].find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
