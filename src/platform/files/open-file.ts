import { readdirSync, statSync } from "node:fs";

/** Returns whether the process is this user's and has the file open. It is told on Linux only. */
export function hasOpen(pid: number, path: string): boolean {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const folder = `/proc/${pid}`;
    if (statSync(folder).uid !== process.getuid?.()) return false;
    return readdirSync(`${folder}/fd`).some((descriptor) => {
      const open = statSync(`${folder}/fd/${descriptor}`, { bigint: true, throwIfNoEntry: false });
      return open?.dev === dev && open.ino === ino;
    });
  } catch {
    return false;
  }
}
