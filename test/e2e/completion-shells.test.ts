/** The real shells run on a terminal. It shows what Tab makes of a line, and what the command then gets. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

const BIN = join(import.meta.dirname, "..", "..", "bin", "whcb.js");

const SHELLS = {
  bash: { command: "bash --norc --noprofile -i", setUp: `PS1='READY> '; eval "$(whcb completion bash)"` },
  zsh: { command: "zsh -f -i", setUp: `PS1='READY> '; autoload -U compinit; compinit -D -u; eval "$(whcb completion zsh)"` },
  fish: {
    command: "fish --no-config -i",
    setUp: "function fish_prompt; printf 'READY> '; end; set -g fish_autosuggestion_enabled 0; whcb completion fish | source",
  },
} as const;

/** script(1) of other systems has other arguments. */
const CAN_TEST = process.platform === "linux";
const MISSING = Object.keys(SHELLS).filter((shell) => spawnSync(shell, ["--version"]).error !== undefined);
if (CAN_TEST && MISSING.length > 0) process.stderr.write(`completion isn't tested in ${MISSING.join(" and ")}: not installed\n`);
/** CI must test all. */
const TESTED = Object.entries(SHELLS).filter(([shell]) => CAN_TEST && (process.env.CI !== undefined || !MISSING.includes(shell)));

/** Each name comes with what is typed of it. */
const NAMES = [
  ["Replies CRM", "Repl"],
  ["a:b=c:d", "a:b"],
  ["it's $HOME `x`", "it"],
  ['say "hi" & (go)', "say"],
  ["日本 の返信", "日"],
  // The shells' history has commands that begin so.
  ["hot !whcb it's !!", "hot"],
  ["one 'two'", "one"],
] as const;

let machine: CliMachine;
let folder: string;

beforeAll(async () => {
  machine = new CliMachine();
  folder = mkdtempSync(join(tmpdir(), "whcb-completion-"));
  await machine.serve();
  const endpoint = await machine.listen();
  for (const [name] of NAMES) {
    await machine.works(["callbacks", "create", "--name", name, "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"]);
  }
  // A command prints its arguments.
  const stub = `#!/bin/sh
case "$1" in __complete | completion) exec "${process.execPath}" "${BIN}" "$@" ;; esac
printf 'GOT'; for word; do printf '<%s>' "$word"; done; printf 'END\\n'
`;
  writeFileSync(join(folder, "whcb"), stub);
  chmodSync(join(folder, "whcb"), 0o755);
  writeFileSync(join(folder, "seen list.txt"), "");
});

afterAll(async () => {
  await machine.leave();
  rmSync(folder, { recursive: true, force: true });
});

class Terminal {
  readonly #child: ChildProcess;
  #output = "";
  #onOutput = () => {};

  constructor(command: string) {
    const { paths } = machine.world;
    this.#child = spawn("script", ["-qfec", command, "/dev/null"], {
      cwd: folder,
      env: {
        ...{
          PATH: `${folder}:${process.env.PATH}`,
          HOME: folder,
          TERM: "xterm",
          LC_ALL: "C.UTF-8",
          WHCB_COMPLETION_TIMEOUT: "25s",
        },
        ...{ WHCB_CONFIG_DIR: paths.config, WHCB_DATA_DIR: paths.data },
      },
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#onOutput();
    });
  }

  type(keys: string): void {
    this.#output = "";
    this.#child.stdin?.write(keys);
  }

  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  end(): void {
    this.#child.kill();
  }
}

describe.each(TESTED)("in %s", (shell, { command, setUp }) => {
  let terminal: Terminal;

  beforeAll(async () => {
    if (MISSING.includes(shell)) throw new Error(`${shell} isn't installed`);
    terminal = new Terminal(command);
    await terminal.shows(/[>$%#] /);
    terminal.type(`${setUp}\r`);
    await terminal.shows(/READY> (?!')/);
  });

  afterAll(() => terminal.end());

  async function enter(keys: string): Promise<string> {
    terminal.type(`${keys}\r`);
    const [, got = ""] = await terminal.shows(/GOT(.*?)END/s);
    await terminal.shows(/END[\s\S]*READY> /);
    return got;
  }

  test.each(NAMES)("the name %s is completed from %s, and arrives whole", async (name, typed) => {
    expect(await enter(`whcb status ${typed}\t`)).toBe(`<status><${name}>`);
  });

  test("a name is completed inside quotes too", async () => {
    expect(await enter(`whcb status "Repl\t`)).toBe("<status><Replies CRM>");
    expect(await enter(`whcb status 'say\t`)).toBe('<status><say "hi" & (go)>');
    expect(await enter(`whcb status 'one\t`)).toBe("<status><one 'two'>");
    expect(await enter(`whcb status 'hot\t`)).toBe("<status><hot !whcb it's !!>");
    expect(await enter(`whcb status "hot\t`)).toBe("<status><hot !whcb it's !!>");
    expect(await enter(`whcb status "hot !\t`)).toBe("<status><hot !whcb it's !!>");
  });

  test("commands, flags, their choices, JSON fields and files are completed", async () => {
    expect(await enter("whcb callb\tup\t")).toBe("<callbacks><update>");
    expect(await enter("whcb calls list Repl\t--oldest\t--outp\tnd\t")).toBe(
      "<calls><list><Replies CRM><--oldest-first><--output><ndjson>",
    );
    expect(await enter("whcb runs list --json runId,ki\t")).toBe("<runs><list><--json><runId,kind>");
    expect(await enter("whcb reconcile Repl\t--seen seen\t")).toBe("<reconcile><Replies CRM><--seen><seen list.txt>");
  });
});

test("what is kept for the next Tab is private and has no secret", async () => {
  const { paths } = machine.world;
  const ask = await machine.whcb(["__complete", "zsh", "status", ":"], { env: { WHCB_COMPLETION_TIMEOUT: "25s" } });
  expect(ask.stdout).toMatch(/^Replies CRM\t[0-9A-F]{16}$/m);
  const file = join(paths.data, "completion-cache.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { password, apiKey } = JSON.parse(readFileSync(join(paths.config, "config.json"), "utf8")).profiles.local;
  const kept = readFileSync(file, "utf8");
  expect([kept.includes("Replies CRM"), kept.includes(password), kept.includes(apiKey)]).toEqual([true, false, false]);
  // Another user may have made a link.
  rmSync(file);
  symlinkSync(join(paths.config, "config.json"), file);
  const settings = readFileSync(file, "utf8");
  await machine.whcb(["__complete", "zsh", "status", ":"], { env: { WHCB_COMPLETION_TIMEOUT: "25s" } });
  expect(readFileSync(join(paths.config, "config.json"), "utf8")).toBe(settings);
});
