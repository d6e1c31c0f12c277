import { readdirSync, readlinkSync, statSync } from "node:fs";

/** Returns whether the process has the file open, and the same network as this one. Throws where the system doesn't tell: on Linux it does. */
export function hasOpen(pid: number, path: string): boolean {
  const network = readlinkSync("/proc/self/ns/net");
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    if (readlinkSync(`/proc/${pid}/ns/net`) !== network) return false;
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const open = statSync(`/proc/${pid}/fd/${descriptor}`, { bigint: true, throwIfNoEntry: false });
      return open?.dev === dev && open.ino === ino;
    });
  } catch {
    return false;
  }
}
