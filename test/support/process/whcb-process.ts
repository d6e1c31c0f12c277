/** bin/whcb.js as processes of their own, each home in a temporary folder. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { holdPlace, portPath } from "../../../src/store/sqlite/place-lock.js";
import { defaultFlags } from "../cli/default-flags.js";
import { newTemporaryFolder } from "../temporary-folders.js";

export const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
export const BIN = join(REPOSITORY, "bin", "whcb.js");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** A variable that is undefined isn't set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The files that it writes may not become longer than this. */
  readonly longestFileKiB?: number;
  /** It may not have more files and sockets open at once. */
  readonly openFiles?: number;
  /** stdout goes to this file. */
  readonly stdoutFile?: string;
  /** The bin/whcb.js of another copy. */
  readonly bin?: string;
}

/** Copies the package as it is installed. bin/whcb.js in the copy is a command too. */
export function copyPackage(folder: string): void {
  copyFiles(folder);
  symlinkSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
}

/** Copies the package without better-sqlite3. */
export function copyWithoutDriver(folder: string): void {
  copyFiles(folder);
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(join(REPOSITORY, "node_modules"))) {
    if (name !== "better-sqlite3") symlinkSync(join(REPOSITORY, "node_modules", name), join(folder, "node_modules", name));
  }
}

function copyFiles(folder: string): void {
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(REPOSITORY, part), join(folder, part), { recursive: true });
}

/** A person's machine: settings, data and a working folder, and the processes started there. */
export class Home {
  readonly folder: string;
  readonly paths: { readonly config: string; readonly data: string };
  readonly #running = new Set<Running>();
  readonly #places: Awaited<ReturnType<typeof holdPlace>>[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(folder = newTemporaryFolder("whcb-")) {
    this.folder = folder;
    this.paths = { config: this.path("config"), data: this.path("data") };
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs one command to its end, without a terminal. */
  async whcb(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const running = this.start(args, options);
    running.child.stdin.end(options.input ?? "");
    return running.ended;
  }

  /** Starts a command that stays. */
  start(args: readonly string[], { env = {}, longestFileKiB, openFiles, stdoutFile, bin = BIN }: RunOptions = {}): Running {
    const line = [process.execPath, bin, ...args];
    const redirect = stdoutFile === undefined ? "" : ` > '${stdoutFile}'`;
    const limits = `${longestFileKiB ? `ulimit -f ${longestFileKiB};` : ""}${openFiles ? `ulimit -n ${openFiles};` : ""}`;
    const [command = "", ...rest] =
      limits + redirect === "" ? line : ["bash", "-c", `${limits} exec "$@"${redirect}`, "bash", ...line];
    return this.spawn(command, rest, env);
  }

  /** Starts any program with the environment that commands get here. */
  spawn(command: string, args: readonly string[], env: NonNullable<RunOptions["env"]> = {}): Running {
    const child = spawn(command, args, {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.folder,
        WHCB_CONFIG_DIR: this.paths.config,
        WHCB_DATA_DIR: this.paths.data,
        TZ: "UTC",
        // Tests list the files that commands leave.
        NODE_DISABLE_COMPILE_CACHE: "1",
        ...env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const running = new Running(child);
    this.#running.add(running);
    running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** Starts `whcb serve` on a free port; resolves with its URL when it listens. */
  async serve(args: readonly string[] = [], options: RunOptions = {}): Promise<Running & { url: string }> {
    const running = this.start(["serve", ...defaultFlags(args, { "--port": "0", "--db": this.path("x.db") }), ...args], options);
    const [, url = ""] = await running.says(/Listening on (http:\/\/\S+)/);
    return Object.assign(running, { url });
  }

  /** Starts `whcb listen`, on any free port if the flags name none; resolves with its URL. */
  async listen(args: readonly string[] = []): Promise<Running & { url: string }> {
    const running = this.start(["listen", ...defaultFlags(args, { "--port": "0" }), ...args]);
    const [, url = ""] = await running.says(/(http:\/\/127\.0\.0\.1:\d+)/);
    return Object.assign(running, { url });
  }

  /** Commands here take the program at this URL for a `serve` of this home, which may name private addresses. */
  async countAsServed(url: string): Promise<void> {
    this.#places.push(await holdPlace(portPath(this.paths.data, url)));
  }

  /** Its processes have ended when `end` is called. */
  atLeave(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /** Ends what still runs and removes the folder. */
  async leave(): Promise<void> {
    for (const place of this.#places.splice(0)) await place.release();
    const running = [...this.#running];
    for (const { child } of running) child.kill("SIGKILL");
    await Promise.all(running.map(({ ended }) => ended));
    await Promise.all(this.#ends.splice(0).map((end) => end()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

export class Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Outcome>;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    child.stdin.on("error", () => undefined);
    this.ended = once(child, "close").then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
  }

  /** Resolves once stdout or stderr matches; rejects if the process ends first. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const seen = () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
    for (let match = seen(); ; match = seen()) {
      if (match) return match;
      const happened = await Promise.race([
        once(this.child.stdout, "data").then(() => "said"),
        once(this.child.stderr, "data").then(() => "said"),
        this.ended.then(() => "ended"),
      ]);
      if (happened === "ended") {
        const last = seen();
        if (last) return last;
        throw new Error(`the process ended without saying ${pattern}:\n${this.stdout}\n${this.stderr}`);
      }
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Asks again until the answer is as wanted; fails with the last one after `ms`. */
export async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean, ms = 60_000): Promise<T> {
  const began = performance.now();
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    const waitedMs = performance.now() - began;
    if (waitedMs > ms) throw new Error(`still ${JSON.stringify(answer)}`);
    // `ask` may not wait for anything, and what it waits for needs the event loop.
    await delay(Math.min(Math.max(10, waitedMs / 10), 100));
  }
}
