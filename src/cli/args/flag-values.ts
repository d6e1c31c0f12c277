import { createReadStream } from "node:fs";
import { callbackNameProblem, callbackUrlProblem } from "../../domain/callback.js";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import { MIB } from "../../domain/service-settings.js";
import type { ReadText } from "./flag.js";

/** Both bounds are inclusive. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): ReadText<number> {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  return (text) => {
    const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new Error(`must be a whole number, ${bounds}`);
  };
}

export function parseShare(text: string): number {
  const share = /^(\d+(\.\d+)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw new Error("must be a number from 0 to 1");
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** Returns requests a second, from "20/s", "600/m" or "20". */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(text.trim());
  const rate = match === null ? 0 : Number(match[1]) / (SECONDS[match[2] ?? "s"] ?? 1);
  if (rate > 0) return rate;
  throw new Error('must be a rate, such as "20/s" or "600/m"');
}

const UNIT_BYTES: Readonly<Record<string, number>> = { KiB: MIB / 1024, MiB: MIB, GiB: MIB * 1024 };

/** Returns bytes, from "64MiB" or "1GiB": 1 MiB or more. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)$/.exec(text.trim());
  const bytes = match === null ? 0 : Math.round(Number(match[1]) * (UNIT_BYTES[match[2] ?? ""] ?? 0));
  if (bytes >= MIB && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new Error('must be a size of 1MiB or more, such as "64MiB" or "1GiB"');
}

/** `parseSize` reads the result. */
export function formatSize(bytes: number): string {
  return `${Number((bytes / MIB).toFixed(2))}MiB`;
}

export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  return (await readBytes("stdin", stream)).toString("utf8");
}

/** Throws `usage` if the file can't be read, or has more than is kept in memory. */
export async function readBytes(source: string, stream: NodeJS.ReadableStream = createReadStream(source)): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length > MAX_BYTES) throw new WhcbError("usage", `${source} has more than ${formatSize(MAX_BYTES)}`);
    }
  } catch (error) {
    throw error instanceof WhcbError ? error : unreadableFile(source, error);
  }
  return Buffer.concat(chunks);
}

const MAX_BYTES = 256 * MIB;

/** A secret from stdin or a prompt ends with a line end that isn't part of it. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

/** Returns the `usage` error for a file that a flag names. */
export function unreadableFile(path: string, error: unknown): WhcbError {
  const reason = REASONS[systemErrorCode(error)] ?? errorMessage(error);
  return new WhcbError("usage", `${path} can't be read: ${reason}`, { cause: error });
}

export function parseCallbackName(text: string): string {
  const problem = callbackNameProblem(text);
  if (problem !== null) throw new Error(problem);
  return text;
}

/** Throws `usage` without the URL, which may contain a password. */
export function parseCallbackUrl(flag: string): (text: string) => string {
  return (text) => {
    const problem = callbackUrlProblem(text);
    if (problem !== null) throw new WhcbError("usage", `${flag} ${problem}`);
    return text;
  };
}
