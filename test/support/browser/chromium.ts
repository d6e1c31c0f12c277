import { type Env, findProgram } from "../process/programs.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chromium-headless-shell"];
/** They aren't on the PATH of macOS. */
const APPLICATIONS = ["Google Chrome", "Chromium"].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);

export const NO_CHROMIUM = `no Chromium found on PATH (${NAMES.join(", ")}); install one, such as Debian's and Ubuntu's package chromium, or set WHCB_CHROMIUM to its path`;

/** Returns a path, or null if there is none. Throws if WHCB_CHROMIUM, a name or a path, names none. */
export function findChromium(env: Env, applications: readonly string[] = APPLICATIONS): string | null {
  return findProgram({ names: NAMES, paths: applications, variable: "WHCB_CHROMIUM" }, env);
}
