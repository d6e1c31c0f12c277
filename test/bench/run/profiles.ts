/** CPU profiles of all processes, in one folder. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CpuProfile, summarizeProfile } from "./profile-summary.js";

export class Profiles {
  readonly folder: string;
  readonly #names = new Map<number, string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  get nodeOptions(): readonly string[] {
    return ["--cpu-prof", `--cpu-prof-dir=${this.folder}`, "--cpu-prof-interval=500"];
  }

  started(pid: number, name: string): void {
    this.#names.set(pid, name);
  }

  /** Writes where the time of each process went. Returns the path. */
  writeSummary(): string {
    const path = join(this.folder, "summary.txt");
    const summaries = readdirSync(this.folder).flatMap((file) => {
      // CPU.date.time.pid.thread.number.cpuprofile
      const name = this.#names.get(Number(file.split(".")[3]));
      if (name === undefined) return [];
      const profile = JSON.parse(readFileSync(join(this.folder, file), "utf8")) as CpuProfile;
      return [`${name} (${file})\n${summarizeProfile(profile)}\n`];
    });
    writeFileSync(path, summaries.join("\n"));
    return path;
  }
}
