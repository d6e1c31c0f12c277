import { homedir } from "node:os";
import { posix, win32 } from "node:path";

export interface Paths {
  /** `config` holds settings and credentials, with mode 0700. */
  readonly config: string;
  /** `data` holds the default database and the journals of runs. */
  readonly data: string;
}

export function pathsFrom(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Paths {
  const { config, data } = defaultPaths(env, platform);
  return { config: env.WHCB_CONFIG_DIR || config, data: env.WHCB_DATA_DIR || data };
}

/** Returns where the executable keeps the native module that it contains. */
export function cacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  return env.WHCB_CACHE_DIR || defaultPaths(env, platform).cache;
}

/** They are those of XDG, in Library on macOS, in AppData on Windows. */
function defaultPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Paths & { readonly cache: string } {
  const home = env.HOME || homedir();
  if (platform === "win32") {
    const { join } = win32;
    const data = join(env.LOCALAPPDATA || join(home, "AppData", "Local"), "whcb");
    return { config: join(env.APPDATA || join(home, "AppData", "Roaming"), "whcb"), data, cache: join(data, "cache") };
  }
  const { join } = posix;
  if (platform === "darwin") {
    const inLibrary = (folder: string) => join(home, "Library", folder, "whcb");
    return { config: inLibrary("Preferences"), data: inLibrary("Application Support"), cache: inLibrary("Caches") };
  }
  // XDG has relative paths ignored: another working folder would have other runs and locks.
  const folder = (given = "", ...usual: readonly string[]): string =>
    join(posix.isAbsolute(given) ? given : join(home, ...usual), "whcb");
  return {
    config: folder(env.XDG_CONFIG_HOME, ".config"),
    data: folder(env.XDG_DATA_HOME, ".local", "share"),
    cache: folder(env.XDG_CACHE_HOME, ".cache"),
  };
}
