/** Disks that are full or can't be written, for real: a small tmpfs, and files that even root may not change. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A separate file system of a few megabytes. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static mount(folder: string, megabytes: number): SmallDisk {
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
    return new SmallDisk(folder);
  }

  /** Takes what is free, but for `blocks`, also beside a process that takes some of it. */
  fill(blocks = 0): void {
    for (;;) {
      const { bavail, bsize } = statfsSync(this.folder);
      if (bavail <= blocks) return;
      try {
        writeFileSync(join(this.folder, `filler-${bavail}`), Buffer.alloc((bavail - blocks) * bsize, 1));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      }
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    execFileSync("find", [this.folder, "-name", "filler-*", "-delete"]);
  }

  unmount(): void {
    execFileSync("umount", ["--lazy", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The files refuse every write from now on, also of those who have them open. */
export function makeImmutable(...files: readonly string[]): void {
  execFileSync("chattr", ["+i", ...files], { stdio: "ignore" });
}

export function makeMutable(...files: readonly string[]): void {
  execFileSync("chattr", ["-i", ...files], { stdio: "ignore" });
}

/** Whether this user may mount file systems and make files immutable, tried out: root in a container may not. */
export const mayTroubleDisks = tryOut();

function tryOut(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "whcb-disk-"));
  const file = join(folder, "file");
  writeFileSync(file, "");
  try {
    makeImmutable(file);
    makeMutable(file);
    SmallDisk.mount(join(folder, "disk"), 1).unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
