import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";

export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

/** The `usage` error for a file named by a flag. */
export function unreadableFile(path: string, error: unknown): WhcbError {
  const reason = REASONS[systemErrorCode(error)] ?? errorMessage(error);
  return new WhcbError("usage", `${path} can't be read: ${reason}`, { cause: error });
}
