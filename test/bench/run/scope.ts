/** What one bench works with: contenders as processes, a folder that goes away, and everything ended at its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { MEASURED, MEASURING } from "./contender.js";
import type { ProbeFigures, ProbeMessage } from "./probe.js";
import type { Profiles } from "./profiles.js";

export interface Places {
  /** test/bench. */
  readonly home: string;
  /** The bundle: main, contenders and the probe. */
  readonly bundle: string;
  /** The bundle of the contenders that have the measured tree's product in their own process. */
  readonly product: string;
  /** The built tree that is measured. */
  readonly repository: string;
}

export interface Measure extends Compared {
  readonly measure: string;
  /** Of one item, in µs. */
  readonly cpu: Compared | null;
}

export interface Compared {
  readonly ours: string;
  /** What `ours` shows; null: it wasn't measured. */
  readonly figure: number | null;
  readonly unit: Unit;
  readonly against: string;
  /** null where there was nothing to compare with. */
  readonly ratio: number | null;
  /** As it is printed, for example ">= 0.5". */
  readonly goal: string;
  readonly met: boolean | null;
}

export type Unit = "/s" | "ms" | "µs" | "MiB" | "requests" | "%";

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
  /** null: none are taken. */
  readonly profiles: Profiles | null;
  /** Further variables of every process. */
  readonly env?: NodeJS.ProcessEnv;
}

export class Scope {
  readonly folder = mkdtempSync(join(tmpdir(), "whcb-bench-"));
  readonly places: Places;
  readonly settings: Settings;
  readonly #children = new Set<ChildProcess>();
  readonly #closing: (() => Promise<unknown>)[] = [];
  #files = 0;

  constructor(places: Places, settings: Settings) {
    this.places = places;
    this.settings = settings;
  }

  /** `count` by the scale, never under 20. */
  scaled(count: number): number {
    return Math.max(20, Math.round(count * this.settings.scale));
  }

  /** The same, ended with this one; its processes have these variables, too. */
  withEnv(env: NodeJS.ProcessEnv): Scope {
    const scope = new Scope(this.places, { ...this.settings, env });
    this.onClose(() => scope.close());
    return scope;
  }

  /** A path that nothing is at yet. */
  freshFile(ending: string): string {
    this.#files += 1;
    return join(this.folder, `${this.#files}${ending}`);
  }

  onClose(step: () => Promise<unknown>): void {
    this.#closing.push(step);
  }

  /** Runs a contender to its end; resolves with the figures that it printed as its last line. */
  async measure(name: string, options: object, { nodeOptions = [], onMark }: MeasureOptions = {}): Promise<Figures> {
    const child = this.#spawn(name, [...nodeOptions, this.#script(name), JSON.stringify(options)]);
    const lines: string[] = [];
    const reader = createInterface({ input: outputOf(child) }).on("line", (line) => {
      if (line === MEASURING || line === MEASURED) onMark?.(line);
      else lines.push(line);
    });
    const [[code]] = await Promise.all([once(child, "close"), once(reader, "close")]);
    if (code !== 0) throw new Error(`${name} ended with ${code}`);
    return JSON.parse(lines.at(-1) ?? "{}");
  }

  /** Starts a contender that stays; resolves with the first line that it prints. */
  start(name: string, options: object = {}): Promise<Started> {
    return this.startScript(name, [this.#script(name), JSON.stringify(options)]);
  }

  /** Starts `node` with these arguments. `name` is for messages and profiles. */
  async startScript(name: string, args: readonly string[], spawning: Spawning = {}): Promise<Started> {
    const child = this.#spawn(name, args, spawning);
    for await (const line of createInterface({ input: outputOf(child) })) return { line, child, probe: new Probe(child) };
    throw new Error(`${name} ended before it was ready`);
  }

  #spawn(name: string, args: readonly string[], { env = process.env, isWorthShowing }: Spawning = {}): ChildProcess {
    const { profiles } = this.settings;
    const probe = pathToFileURL(join(this.places.bundle, "run", "probe.mjs")).href;
    const child = spawn(process.execPath, ["--import", probe, ...(profiles?.nodeOptions ?? []), ...args], {
      env: { ...env, ...this.settings.env },
      stdio: ["ignore", "pipe", isWorthShowing === undefined ? "inherit" : "pipe", "ipc"],
    });
    if (child.stderr !== null && isWorthShowing !== undefined) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (isWorthShowing(line)) process.stderr.write(`${name}: ${line}\n`);
      });
    }
    if (child.pid !== undefined) profiles?.started(child.pid, name);
    this.#children.add(child);
    child.once("close", () => this.#children.delete(child));
    return child;
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
    // A profile is written at the end of a process.
    if (this.settings.profiles !== null) await Promise.all([...this.#children].map((child) => this.end(child)));
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Peers run where their packages are, the rest from a bundle. */
  #script(name: string): string {
    const { home, bundle, product } = this.places;
    if (name.endsWith(".mjs")) return join(home, "peers", name);
    const [withProduct = "", without = ""] = [product, bundle].map((folder) => join(folder, "contenders", `${name}.mjs`));
    return existsSync(withProduct) ? withProduct : without;
  }
}

export interface MeasureOptions {
  readonly nodeOptions?: readonly string[];
  /** What is measured begins or ends. */
  readonly onMark?: (mark: typeof MEASURING | typeof MEASURED) => void;
}

export interface Spawning {
  readonly env?: NodeJS.ProcessEnv;
  /** Which lines of its stderr; default: all. */
  readonly isWorthShowing?: (line: string) => boolean;
}

export interface Started {
  readonly line: string;
  readonly child: ChildProcess;
  readonly probe: Probe;
}

/** What a started process says of itself. */
export class Probe {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `quietly`: without the timer that finds pauses. */
  begin({ quietly = false } = {}): void {
    this.#send(quietly ? "begin-quietly" : "begin");
  }

  /** Since `begin`. */
  async end(): Promise<ProbeFigures> {
    const answered = once(this.#child, "message");
    this.#send("end");
    const [figures] = await answered;
    return figures as ProbeFigures;
  }

  #send(message: ProbeMessage): void {
    this.#child.send(message);
  }
}

function outputOf({ stdout }: ChildProcess): NodeJS.ReadableStream {
  if (stdout === null) throw new Error("The process has no output.");
  return stdout;
}
