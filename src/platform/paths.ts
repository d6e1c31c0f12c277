import { homedir } from "node:os";
import { join } from "node:path";

export interface Paths {
  /** `config` holds settings and credentials, with mode 0700. */
  readonly config: string;
  /** `data` holds the default database and the journals of runs. */
  readonly data: string;
}

/** The defaults are those of XDG, in Library on macOS, in AppData on Windows. */
export function pathsFrom(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Paths {
  const home = env.HOME || homedir();
  const config = env.WHCB_CONFIG_DIR || join(configHome(env, platform, home), "whcb");
  const data = env.WHCB_DATA_DIR || join(dataHome(env, platform, home), "whcb");
  return { config, data };
}

/** Returns where the executable keeps the native module that it contains. */
export function cacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env.HOME || homedir();
  if (env.WHCB_CACHE_DIR) return env.WHCB_CACHE_DIR;
  if (platform === "win32") return join(dataHome(env, platform, home), "whcb", "cache");
  return join(platform === "darwin" ? join(home, "Library", "Caches") : env.XDG_CACHE_HOME || join(home, ".cache"), "whcb");
}

function configHome(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string): string {
  if (platform === "win32") return env.APPDATA || join(home, "AppData", "Roaming");
  if (platform === "darwin") return join(home, "Library", "Preferences");
  return env.XDG_CONFIG_HOME || join(home, ".config");
}

function dataHome(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string): string {
  if (platform === "win32") return env.LOCALAPPDATA || join(home, "AppData", "Local");
  if (platform === "darwin") return join(home, "Library", "Application Support");
  return env.XDG_DATA_HOME || join(home, ".local", "share");
}
