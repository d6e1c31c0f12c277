/** smtp://[user:password@]host[:port][?from=address]; smtps:// for TLS from the first byte. */
import { WhcbError } from "../domain/errors.js";
import { isLoopbackHost } from "../domain/loopback.js";
import { checkAddress } from "./notifier.js";

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** From the first byte. Otherwise STARTTLS if offered. */
  readonly isTls: boolean;
  readonly login: { readonly user: string; readonly pass: string } | null;
  readonly from: string | null;
  /** Needs neither encryption nor a valid certificate. */
  readonly isLoopback: boolean;
}

/** Throws `config`, without the URL, which may hold a password. */
export function parseSmtpUrl(url: string): SmtpServer {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || (parsed.protocol !== "smtp:" && parsed.protocol !== "smtps:") || parsed.hostname === "") {
    throw new WhcbError("config", "The SMTP URL must look like smtp://host:port or smtps://host:port.");
  }
  const isTls = parsed.protocol === "smtps:";
  const user = decode(parsed.username);
  const from = parsed.searchParams.get("from");
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? (isTls ? 465 : 587) : Number(parsed.port),
    isTls,
    login: user === "" ? null : { user, pass: decode(parsed.password) },
    from: from === null ? null : parseSender(from),
    isLoopback: isLoopbackHost(parsed.hostname),
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new WhcbError("config", "The SMTP URL's user or password contains a % that isn't an escape: write it as %25.");
  }
}

function parseSender(from: string): string {
  try {
    return checkAddress(from);
  } catch {
    throw new WhcbError("config", "The SMTP URL's from= must be one e-mail address.");
  }
}
