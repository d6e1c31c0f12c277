import { constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** Who may write to the folder may have made a link to any file of this user. Windows has no O_NOFOLLOW. */
export const TO_REPLACE = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
export const TO_CHANGE = O_WRONLY | O_NOFOLLOW;
export const TO_APPEND = O_WRONLY | O_APPEND | O_NOFOLLOW;

/**
 * Returns what chmod has to take away so that no other user of this machine can open the file, or null for nothing, or if there
 * is no such file. Nobody can open a file in a folder that they can't enter. Windows has other rights.
 */
export function excessMode(path: string): "go-rwx" | "o-rwx" | null {
  try {
    const file = statSync(path);
    const folders = foldersOf(realpathSync(path)).map((folder) => statSync(folder));
    const isOpenToOthers = (file.mode & 0o006) !== 0 && folders.every(({ mode }) => (mode & 0o001) !== 0);
    const isOpenToGroup =
      (file.mode & 0o060) !== 0 && folders.every(({ mode, gid }) => (mode & (gid === file.gid ? 0o010 : 0o001)) !== 0);
    if (process.platform === "win32" || !(isOpenToOthers || isOpenToGroup)) return null;
    if (file.uid === process.getuid?.()) return "go-rwx";
    // Another user's file may be open to a group so that this process can read it.
    return isOpenToOthers ? "o-rwx" : null;
  } catch {
    return null;
  }
}

function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}
