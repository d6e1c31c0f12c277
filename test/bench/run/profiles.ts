/** CPU profiles of all processes, in one folder. */
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
}
