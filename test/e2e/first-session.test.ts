/** docs/first-session.md is typed into terminals as it is written, and what they show is compared. Its ports become free ones. */
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CTRL_C, Terminal } from "../support/process/terminal.js";
import { BIN, Home, REPOSITORY } from "../support/process/whcb-process.js";

interface Step {
  readonly terminal: string;
  readonly command: string;
  /** What the terminal shows then. "^C" and what follows a question's mark are typed. */
  readonly lines: readonly string[];
}

/** A block is ```console and the name of its terminal. A block that begins with ^C stops what runs there. */
function stepsOf(page: string): readonly Step[] {
  return [...page.matchAll(/^```console ?(\w*)\n([\s\S]*?)\n```$/gm)].flatMap(([, terminal = "", block = ""]) =>
    block
      .replace(/^\^C\n/, "")
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = "", ...lines] = step.trimEnd().split("\n");
        return { terminal, command, lines };
      }),
  );
}

/** Gives every session the same text: ids by their order, and no times. */
class Wording {
  readonly ids: string[] = [];

  normalize(text: string): string {
    return text
      .replace(/ +$/gm, "")
      .replace(/\b(?:\d{8}-\d{6}-[0-9A-F]{7}|[0-9A-F]{32}|[0-9A-F]{16})\b/g, (id) => {
        if (!this.ids.includes(id)) this.ids.push(id);
        return `<id ${this.ids.indexOf(id)}>`;
      })
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "<time>")
      .replace(/(?<= in |\()\d+(?:ms|s)(?= \(| ago|$)/gm, "<duration>")
      .replace(/(?<=by hour, last 24: ).{24}/g, "<chart>")
      .replace(/^(\d+) of 200 (.*\n {2}accepted {2})\1(\n {2}marked {4})\1(\n {2}left {6})(\d+)$/m, (...groups) => {
        const [, sent, first, second, third, left] = groups;
        return `<some> of ${Number(sent) + Number(left)} ${first}<some>${second}<some>${third}<the others>`;
      });
  }
}

function quote(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return String(typeof address === "object" ? address?.port : address);
}

it("is typed as docs/first-session.md has it, and shows what it says", async () => {
  await using home = new Home();
  mkdirSync(home.path("bin"));
  symlinkSync(BIN, home.path("bin", "whcb"));
  const env = {
    PATH: `${home.path("bin")}:${process.env.PATH}`,
    WHCB_CONFIG_DIR: undefined,
    WHCB_DATA_DIR: undefined,
    // The shells end while the folder is removed.
    HISTFILE: "",
  };
  const here = { "/home/ada": home.folder, "8787": await freePort(), "9000": await freePort() };
  const page = new Wording();
  const session = new Wording();
  const terminals = new Map<string, Terminal>();

  async function type(terminal: Terminal, { command, lines }: Step): Promise<void> {
    const typed = page.ids.reduce((text, id, index) => text.replace(id, session.ids[index] ?? ""), command);
    if ((await terminal.text()) !== "$") {
      terminal.type("clear\r");
      await terminal.shows(/^\$$/);
    }
    const port = command.startsWith("whcb serve") ? ` --port ${here["8787"]}` : "";
    terminal.type(`${typed.replace("9000", here["9000"])}${port}\r`);
    for (const line of lines) {
      const [, question, answer = ""] = /^(.*(?:\[y\/N\]|\):))(?: (.*))?$/.exec(line) ?? [];
      if (line === "^C") {
        await terminal.shows(/sending: [1-9]\d/);
        terminal.type(CTRL_C);
      } else if (question !== undefined) {
        await terminal.shows(question);
        terminal.type(`${answer}\r`);
      }
    }
  }

  /** Returns what the command has shown, without the line on which it was typed and the prompt behind it. */
  async function shown(terminal: Terminal, step: Step): Promise<string> {
    const lastLine = Object.entries(here).reduce((line, [there, own]) => line.replace(there, own), step.lines.at(-1) ?? "");
    const [, ...lines] = (await terminal.shows(step.terminal === "" ? /\n\$$/ : lastLine)).split("\n");
    const text = Object.entries(here).reduce((own, [there, port]) => own.replaceAll(port, there), lines.join("\n"));
    // The terminal itself echoes an answer that is faster than the question's reader, too.
    return session.normalize(text.replace(/\n?\$$/, "").replace("[y/N] y\ny\n", "[y/N] y\n"));
  }

  try {
    for (const step of stepsOf(readFileSync(join(REPOSITORY, "docs", "first-session.md"), "utf8"))) {
      const terminal = terminals.get(step.terminal) ?? Terminal.shell(home, { columns: 114, rows: 100, env });
      // Another program runs in a named terminal until this one is started there.
      if (step.terminal !== "" && terminals.has(step.terminal)) terminal.type(CTRL_C);
      terminals.set(step.terminal, terminal);
      await terminal.shows(/\$$/);
      const written = page.normalize(step.lines.filter((line) => line !== "^C").join("\n"));
      const pattern = new RegExp(`^${written.split("\n…\n").map(quote).join("\n(?:.*\n)*?")}$`);
      // Who looks before all calls have failed looks again.
      const tries = /^whcb (?:status|calls)/.test(step.command) ? 20 : 1;
      let text = "";
      for (let tried = 0; tried === 0 || (tried < tries && !pattern.test(text)); tried += 1) {
        await type(terminal, step);
        text = await shown(terminal, step);
      }
      expect(pattern.test(text) ? written : text, step.command).toBe(written);
    }
  } finally {
    for (const terminal of terminals.values()) {
      terminal.type(CTRL_C);
      await terminal.shows(/\$$/);
    }
  }
});
