import { chmod, mkdir } from "node:fs/promises";
import { WhcbError } from "../../domain/errors.js";
import { withoutSignalListeners } from "../../platform/terminal.js";
import type { Settings } from "./profile.js";
import { CONFIG_NAME, readSettings, settingsPath } from "./read-settings.js";

/**
 * Changes the settings file (0600, in a folder of 0700), in one rename. What is there is read first: a file that can't be
 * read is never overwritten. Throws `config`.
 */
export async function changeSettings(configDirectory: string, change: (settings: Settings) => Settings): Promise<Settings> {
  const changed = change(await readSettings(configDirectory));
  try {
    await mkdir(configDirectory, { recursive: true, mode: 0o700 });
    const { default: Conf } = await withoutSignalListeners(() => import("conf"));
    const conf = new Conf<Record<string, unknown>>({
      cwd: configDirectory,
      configName: CONFIG_NAME,
      configFileMode: 0o600,
      // Profile names may have dots.
      accessPropertiesByDotNotation: false,
    });
    conf.store = {
      ...(changed.current === null ? {} : { current: changed.current }),
      profiles: Object.fromEntries(changed.profiles),
      ...(changed.serve === null ? {} : { serve: changed.serve }),
    };
    // A file that was there keeps its mode through the rename.
    await chmod(settingsPath(configDirectory), 0o600);
  } catch (error) {
    throw new WhcbError(
      "config",
      `the settings can't be written to ${settingsPath(configDirectory)}: ${error instanceof Error ? error.message : error}`,
      {
        hint: "WHCB_CONFIG_DIR names another folder",
        cause: error,
      },
    );
  }
  return changed;
}
