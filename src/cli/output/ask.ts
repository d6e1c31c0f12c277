/** Questions to the person, on stderr, only where both stdin and stderr are terminals. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { WhcbError } from "../../domain/errors.js";
import type { Io } from "../../platform/terminal.js";
import { sanitizeLines } from "./sanitize.js";

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

/** Lines that came in one go with an answer: a paste answers the questions after it too. */
const typedAhead = new WeakMap<Io["stdin"], string[]>();

async function ask(io: Io, question: string, hidden: boolean): Promise<string> {
  io.stderr.write(`${sanitizeLines(question)} `);
  try {
    const lines = typedAhead.get(io.stdin) ?? [];
    typedAhead.set(io.stdin, lines);
    if (lines.length === 0 && !hasEnded(io.stdin)) await readInto(lines, io, hidden);
    return lines.shift() ?? "";
  } finally {
    if (hidden) io.stderr.write("\n");
  }
}

/** Waits for one line at least, or the end. The interface is closed after each question, so that Ctrl-C is a signal again. */
async function readInto(lines: string[], io: Io, hidden: boolean): Promise<void> {
  let echoes = !hidden;
  const output = new Writable({
    write(chunk, _encoding, done) {
      if (echoes) io.stderr.write(chunk);
      done();
    },
  });
  const reader = createInterface({ input: io.stdin, output, terminal: io.stdin.isTTY === true });
  reader.on("line", (line) => {
    lines.push(line);
    // What was pasted beyond this answer may be a secret.
    echoes = false;
  });
  try {
    const came = once(reader, "line").then(() => false);
    const ended = once(reader, "close").then(() => false);
    const interrupted = once(reader, "SIGINT").then(() => true);
    if (await Promise.race([came, ended, interrupted])) throw new WhcbError("interrupted", "interrupted; nothing was done");
  } finally {
    reader.close();
  }
}

function hasEnded(stream: Io["stdin"]): boolean {
  return "readableEnded" in stream && stream.readableEnded === true;
}

/** All of stdin as text: for secrets and lists that are piped in. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
