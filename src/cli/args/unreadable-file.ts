import { WhcbError } from "../../domain/errors.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "no permission",
  EISDIR: "it is a folder",
};

/** `usage`: a file of ids or responses that a flag names and that can't be read. */
export function unreadableFile(path: string, error: unknown): WhcbError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  return new WhcbError("usage", `${path} can't be read: ${reason}`, { cause: error });
}
