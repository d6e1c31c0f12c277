/** What one bench works with: contenders as processes, a folder that goes away, and everything ended at its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Places {
  /** test/bench. */
  readonly home: string;
  /** The bundled contenders. */
  readonly contenders: string;
}

export interface Measure {
  readonly measure: string;
  readonly ours: string;
  readonly against: string;
  /** null where there was nothing to compare with. */
  readonly ratio: number | null;
  /** As it is printed, for example ">= 0.5". */
  readonly goal: string;
  readonly met: boolean | null;
}

export interface Row extends Measure {
  readonly bench: string;
}

export type Bench = (scope: Scope) => Promise<readonly Measure[]>;

/** What a contender printed: figures by name. */
export type Figures = Readonly<Record<string, number>>;

export interface Settings {
  readonly scale: number;
  readonly rounds: number;
  readonly peers: boolean;
  /** Where each contender leaves a CPU profile; null: none is taken. */
  readonly profiles: string | null;
}

export class Scope {
  readonly folder = mkdtempSync(join(tmpdir(), "whcb-bench-"));
  readonly settings: Settings;
  readonly #places: Places;
  readonly #children = new Set<ChildProcess>();
  readonly #closing: (() => Promise<unknown>)[] = [];
  #files = 0;

  constructor(places: Places, settings: Settings) {
    this.#places = places;
    this.settings = settings;
  }

  /** `count` by the scale, never under 20. */
  scaled(count: number): number {
    return Math.max(20, Math.round(count * this.settings.scale));
  }

  get repository(): string {
    return join(this.#places.home, "..", "..");
  }

  /** A path that nothing is at yet. */
  freshFile(ending: string): string {
    this.#files += 1;
    return join(this.folder, `${this.#files}${ending}`);
  }

  onClose(step: () => Promise<unknown>): void {
    this.#closing.push(step);
  }

  /** Runs a contender to its end; resolves with the figures that it printed as one line of JSON. */
  async measure(name: string, options: object, nodeOptions: readonly string[] = []): Promise<Figures> {
    const child = this.#spawn([...nodeOptions, this.#script(name), JSON.stringify(options)]);
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`${name} ended with ${code}`);
    return JSON.parse(text.trim().split("\n").at(-1) ?? "{}");
  }

  /** Starts a contender that stays; resolves with the first line that it prints. */
  async start(name: string, options: object = {}): Promise<{ readonly line: string; readonly child: ChildProcess }> {
    const child = this.#spawn([this.#script(name), JSON.stringify(options)]);
    if (child.stdout === null) throw new Error("The process has no output.");
    for await (const line of createInterface({ input: child.stdout })) return { line, child };
    throw new Error(`${name} ended before it was ready`);
  }

  async end(child: ChildProcess): Promise<void> {
    const ended = once(child, "close");
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await ended;
    }
  }

  async close(): Promise<void> {
    for (const step of this.#closing.reverse()) await step().catch((error: unknown) => process.stderr.write(`${error}\n`));
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Peers run where their packages are, the rest from the bundle. */
  #script(name: string): string {
    return name.endsWith(".mjs") ? join(this.#places.home, "peers", name) : join(this.#places.contenders, `${name}.mjs`);
  }

  #spawn(args: readonly string[]): ChildProcess {
    const { profiles } = this.settings;
    const profiling = profiles === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profiles}`, "--cpu-prof-interval=500"];
    const child = spawn(process.execPath, [...profiling, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.add(child);
    child.once("close", () => this.#children.delete(child));
    return child;
  }
}
