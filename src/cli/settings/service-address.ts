import { homedir } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { WhcbError } from "../../domain/errors.js";
import { parseWebUrl, webUrlProblem } from "../../domain/mask.js";

export type ServiceAddress =
  | { readonly kind: "http"; readonly url: string; readonly origin: string }
  | { readonly kind: "file"; readonly path: string };

/** Files end in .db, .sqlite or .sqlite3, have a separator, or start with "file:" or "~". Throws `config`, also for URL credentials, and what `requireTrimmed` does. */
export function readServiceAddress(text: string, source: string): ServiceAddress {
  const trimmed = text.trim();
  if (mayHoldPassword(trimmed)) {
    const message = `${source} looks like a URL or connection string with a password, and is neither an http URL nor a database file`;
    throw new WhcbError("config", message, { hint: "write a URL like http://127.0.0.1:8787, and a file like ./x.db" });
  }
  if (/^https?:/i.test(trimmed)) return readUrl(trimmed, source);
  if (/^file:/i.test(trimmed)) return { kind: "file", path: requireTrimmed(text, source, readFileUrl(trimmed, source)) };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(trimmed)) {
    throw new WhcbError("config", `${source} is neither an http URL nor a database file`, {
      hint: "for a shared database, start `whcb serve --db …` and give that service's URL",
    });
  }
  if (DATABASE_FILE.test(trimmed) || /[/\\]/.test(trimmed) || trimmed.startsWith("~")) {
    return { kind: "file", path: requireTrimmed(text, source, resolve(trimmed.replace(/^~(?=$|[/\\])/, homedir()))) };
  }
  throw new WhcbError("config", `${source}: ${JSON.stringify(trimmed)} is neither a URL nor a database file`, {
    hint: `write https://${trimmed}, or ./${trimmed} for a file`,
  });
}

/**
 * SQLite's driver trims a path, so it would open another file than the one that was checked and locked, and that has the key beside it. `text`
 * is what was given for `path`. Throws `usage`.
 */
export function requireTrimmed(text: string, source: string, path = text): string {
  if (text.trim() === text && path.trim() === path) return path;
  throw new WhcbError("usage", `${source} begins or ends with white space`, {
    hint: "write it without; a file with CRLF line ends leaves a carriage return at the end of each line",
  });
}

const DATABASE_FILE = /\.(db|sqlite3?)$/i;

/** Another program's connection string, or a malformed URL, would be taken for a file, whose path is shown. */
export function mayHoldPassword(text: string): boolean {
  const isWellFormed = /^(?!file:\/\/[^/]*@)(?:[a-z][a-z0-9+.-]+:\/\/|file:|\.{0,2}\/(?!\/)|~|[a-z]:[\\/])/i.test(text);
  // Oracle's form is user/password@host. Such a text that ends as a file of SQLite is one.
  const isOracle = /^[^/]+\/.+@/s.test(text) && !DATABASE_FILE.test(text);
  return !isWellFormed && (isOracle || /(?:^\/\/|:).*@|(?:passw(?:or)?d|pwd)\s*=/is.test(text));
}

function readUrl(text: string, source: string): ServiceAddress {
  const url = parseWebUrl(text);
  if (url === null)
    throw new WhcbError("config", `${source} ${webUrlProblem(text)}`, { hint: "write it like http://127.0.0.1:8787" });
  // A password may contain a slash.
  if (text.includes("@") || url.searchParams.has("apikey")) {
    throw new WhcbError("config", `${source} contains credentials, which others could read`, {
      hint: "set WHCB_USERNAME, WHCB_PASSWORD and WHCB_API_KEY instead, or use `whcb login`",
    });
  }
  return { kind: "http", url: (url.origin + url.pathname).replace(/\/+$/, ""), origin: url.origin };
}

function readFileUrl(text: string, source: string): string {
  if (!/^file:\/\//i.test(text)) return resolve(text.slice("file:".length));
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw new WhcbError("config", `${source} is not a file URL of this machine`, { cause: error });
  }
}

export function addressText(address: ServiceAddress): string {
  return address.kind === "http" ? address.url : address.path;
}
