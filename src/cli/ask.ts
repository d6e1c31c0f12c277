/** Questions to the person, on stderr, only where both stdin and stderr are terminals. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { WhcbError } from "../domain/errors.js";
import type { Io } from "../platform/terminal.js";
import { neutraliseLines } from "./render/neutralise.js";

/** y or yes is yes; anything else, the end of input too, is no. */
export async function askYesNo(io: Io, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await askText(io, `${question} [y/N]`)).trim());
}

export async function askText(io: Io, question: string): Promise<string> {
  return ask(io, question, false);
}

/** What is typed isn't shown. */
export async function askSecret(io: Io, question: string): Promise<string> {
  return ask(io, question, true);
}

async function ask(io: Io, question: string, hidden: boolean): Promise<string> {
  io.stderr.write(`${neutraliseLines(question)} `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: hidden ? silent : io.stderr, terminal: io.stdin.isTTY === true });
  try {
    const ended = once(lines, "close").then(() => null);
    const interrupted = once(lines, "SIGINT").then(() => "interrupted" as const);
    const answer = await Promise.race([lines.question("").then((text) => ({ text })), ended, interrupted]);
    if (answer === "interrupted") throw new WhcbError("interrupted", "interrupted; nothing was done");
    return answer?.text ?? "";
  } finally {
    lines.close();
    if (hidden) io.stderr.write("\n");
  }
}

/** All of stdin as text: for secrets and lists that are piped in. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
