/** smtp://[user:password@]host[:port][?from=address], or smtps:// for TLS from the first byte. */
import { isIP } from "node:net";
import { WhcbError } from "../domain/errors.js";
import { checkedAddress } from "./message.js";

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. Else STARTTLS is used where the server offers it. */
  readonly isTls: boolean;
  readonly login: { readonly user: string; readonly pass: string } | null;
  readonly from: string | null;
  /** On this machine: nobody stands between, so that neither encryption nor a certificate is asked for. */
  readonly isLoopback: boolean;
}

/** Throws `config`; never with the URL in it, which may hold a password. */
export function parseSmtpUrl(url: string): SmtpServer {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || (parsed.protocol !== "smtp:" && parsed.protocol !== "smtps:") || parsed.hostname === "") {
    throw new WhcbError("config", "The SMTP URL must look like smtp://host:port or smtps://host:port.");
  }
  const host = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = parsed.protocol === "smtps:";
  const user = decoded(parsed.username);
  const from = parsed.searchParams.get("from");
  return {
    host,
    port: parsed.port === "" ? (isTls ? 465 : 587) : Number(parsed.port),
    isTls,
    login: user === "" ? null : { user, pass: decoded(parsed.password) },
    from: from === null ? null : configured(from),
    isLoopback: host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127.")),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new WhcbError("config", "The SMTP URL's user or password holds a % that isn't an escape: write it as %25.");
  }
}

function configured(from: string): string {
  try {
    return checkedAddress(from);
  } catch {
    throw new WhcbError("config", "The SMTP URL's from= must be one e-mail address.");
  }
}
