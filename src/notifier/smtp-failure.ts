/** Why a mail server didn't take a mail, in words that hold no secret. */
import { WhcbError } from "../domain/errors.js";
import type { SmtpServer } from "./smtp-url.js";

const MAX_SAID = 200;

/** `timedOutAfterMs`: the limit that was reached; null where it wasn't. The result is `unavailable`. */
export function smtpFailure(error: unknown, server: SmtpServer, timedOutAfterMs: number | null): WhcbError {
  return new WhcbError("unavailable", `The mail server ${server.host}:${server.port} ${reason(error, server, timedOutAfterMs)}.`);
}

function reason(error: unknown, server: SmtpServer, timedOutAfterMs: number | null): string {
  if (timedOutAfterMs !== null) return `didn't take the mail within ${timedOutAfterMs / 1_000} s`;
  const code = textOf(error, "code");
  const command = textOf(error, "command");
  const status = textOf(error, "responseCode");
  // What a server says about a login may repeat it, so it isn't.
  if (code === "EAUTH" || command.startsWith("AUTH")) return `refused the login${status === "" ? "" : ` (${status})`}`;
  if (code === "ENOAUTH") return "wants a login";
  if (code === "ETLS") return "can't be spoken to over TLS";
  if (status !== "") return `refused the mail (${withoutLogin(textOf(error, "response"), server) || status})`;
  if (code === "ETIMEDOUT" || code === "ECONNECTION" || code === "ESOCKET" || code === "EDNS") {
    return `can't be reached (${withoutLogin(error instanceof Error ? error.message : code, server)})`;
  }
  return `didn't take the mail${code === "" ? "" : ` (${code})`}`;
}

function textOf(error: unknown, name: string): string {
  if (typeof error !== "object" || error === null || !(name in error)) return "";
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** One line of what the server said, with the password and its usual spellings taken out. */
function withoutLogin(text: string, { login }: SmtpServer): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
  if (login === null || login.pass === "") return line.slice(0, MAX_SAID);
  const spellings = [login.pass, base64(login.pass), base64(`\u0000${login.user}\u0000${login.pass}`)];
  return spellings.reduce((masked, spelling) => masked.replaceAll(spelling, "****"), line).slice(0, MAX_SAID);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
