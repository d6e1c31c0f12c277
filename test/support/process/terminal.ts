/** A real terminal, with what it shows: `script` opens it, and an emulator reads what is written to it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import xterm from "@xterm/headless";
import { BIN, eventually, type Home, type Outcome, type Running, type RunOptions } from "./whcb-process.js";

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: RunOptions["env"];
}

let opened = 0;

const IS_MAC = process.platform === "darwin";

export class Terminal {
  readonly #running: Running;
  readonly #screen: xterm.Terminal;
  readonly #ttyFile: string;
  #drawn: Promise<void> = Promise.resolve();

  /** Starts a command as the terminal's only program. */
  static whcb(home: Home, args: readonly string[], options: TerminalOptions = {}): Terminal {
    return new Terminal(home, [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(" "), options);
  }

  /** The shell has job control. Its prompt is "$ ". */
  static shell(home: Home, options: TerminalOptions = {}): Terminal {
    return new Terminal(home, "bash --noprofile --norc -i", { ...options, env: { PS1: "$ ", ...options.env } });
  }

  private constructor(home: Home, command: string, { columns = 80, rows = 24, env = {} }: TerminalOptions) {
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#ttyFile = home.path(`tty-${++opened}`);
    const line = `tty > '${this.#ttyFile}'; stty rows ${rows} cols ${columns}; exec ${command}`;
    const args = IS_MAC ? ["-q", "/dev/null", "sh", "-c", line] : ["-qfec", line, "/dev/null"];
    this.#running = home.spawn("script", args, { TERM: "xterm-256color", ...env });
    this.#running.child.stdout.on("data", (data: string) => {
      this.#drawn = new Promise((resolve) => this.#screen.write(data, resolve));
    });
  }

  /** All that was written to it. */
  get written(): string {
    return this.#running.stdout;
  }

  /** It is false while the terminal shows what a shell wrote. */
  get isFilled(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  async lines(): Promise<readonly string[]> {
    await this.#drawn;
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
    );
  }

  async text(): Promise<string> {
    return (await this.lines()).join("\n").trimEnd();
  }

  /** Waits for it; returns the whole screen, without empty lines at its end. */
  async shows(pattern: RegExp | string, ms?: number): Promise<string> {
    const isShown = (text: string) => (typeof pattern === "string" ? text.includes(pattern) : pattern.test(text));
    return eventually(() => this.text(), isShown, ms).catch((error: Error) => {
      throw new Error(`the screen never shows ${pattern}: ${error.message.replaceAll("\\n", "\n")}`);
    });
  }

  type(keys: string): void {
    this.#running.child.stdin.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    const tty = readFileSync(this.#ttyFile, "utf8").trim();
    execFileSync("stty", [IS_MAC ? "-f" : "-F", tty, "rows", String(rows), "cols", String(columns)]);
  }

  /** The process that draws: the last one of the terminal that is ours. */
  async pid(): Promise<number> {
    const tty = readFileSync(this.#ttyFile, "utf8").trim().replace("/dev/", "");
    const [pid = ""] = await eventually(
      async () =>
        execFileSync("ps", ["-o", "pid=,args=", "-t", tty], { encoding: "utf8" })
          .split("\n")
          .filter((line) => line.includes(BIN) && !line.includes("stty"))
          .map((line) => line.trim().split(" ")[0] ?? ""),
      (pids) => pids.length === 1,
    );
    return Number(pid);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    process.kill(await this.pid(), signal);
  }

  /** Its window is closed, or its connection is lost. */
  hangUp(): void {
    this.#running.child.kill("SIGKILL");
  }

  async closed(): Promise<Outcome> {
    const outcome = await this.#running.ended;
    await this.#drawn;
    return outcome;
  }
}

export const CTRL_C = "\u0003";
export const CTRL_Z = "\u001a";
export const ENTER = "\r";
export const ESCAPE = "\u001b";
export const DOWN = "\u001b[B";
