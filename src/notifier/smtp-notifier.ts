/** An e-mail is tried once; the outbox retries. */
import { once } from "node:events";
import { connect, type LookupFunction, type Socket } from "node:net";
import { Duplex, Transform } from "node:stream";
import { createTransport, type SMTPTransportOptions } from "nodemailer";
import { errorMessage, WhcbError } from "../domain/errors.js";
import { parseUrl, secretMask } from "../domain/mask.js";
import type { Timers } from "../platform/clock.js";
import { isLoopbackHost } from "../platform/loopback.js";
import { MAX_HANDSHAKE_BYTES, tlsOptions } from "../platform/tls-options.js";
import { checkAddress, mailMessage, type Notifier } from "./notifier.js";

export interface SmtpNotifierOptions {
  /** parseSmtpUrl reads it; it may contain a password. */
  readonly url: string;
  /** The default is the URL's from=, the login if it is an address, or whcb@<host>. */
  readonly from?: string;
  readonly timers: Timers;
  /** An e-mail may take this long, to the server's last reply. */
  readonly timeoutMs?: number;
  /** These authorities, in PEM, replace the system's. */
  readonly ca?: string;
}

/** Throws `config` for an invalid URL. Connects only when there is an e-mail. */
export function createSmtpNotifier(options: SmtpNotifierOptions): Notifier {
  const server = parseSmtpUrl(options.url);
  const from = options.from ?? server.from ?? defaultSender(server);
  const timeoutMs = options.timeoutMs ?? 60_000;
  const closing = new AbortController();
  return {
    channel: "smtp",
    async send(mail) {
      const message = mailMessage(mail, from);
      const timeout = new AbortController();
      const signal = AbortSignal.any([timeout.signal, closing.signal]);
      const transport = createTransport({ ...transportOptions(server, options.ca), getSocket: connectTo(server, signal) });
      const cancel = options.timers.after(timeoutMs, () => timeout.abort());
      try {
        const { response } = await transport.sendMail({ ...message, signal });
        return withoutLogin(response, server);
      } catch (error) {
        if (closing.signal.aborted) throw new WhcbError("unavailable", "The mail wasn't sent: the service is stopping.");
        const reason = timeout.signal.aborted
          ? `didn't accept the mail within ${timeoutMs / 1_000} s`
          : failureReason(error, server);
        throw new WhcbError("unavailable", `The mail server ${server.host}:${server.port} ${reason}.`);
      } finally {
        cancel();
        transport.close();
      }
    },
    async close() {
      closing.abort();
    },
  };
}

const NEVER_MS = 24 * 3_600_000;

function transportOptions(server: SmtpServer, ca: string | undefined) {
  return {
    host: server.host,
    port: server.port,
    secure: server.isTls,
    // A man in the middle could hide STARTTLS and get the login.
    requireTLS: server.login !== null && !server.isTls && !server.isLoopback,
    ...(server.login === null ? {} : { auth: server.login }),
    // Nodemailer's timers don't know of a stop: a mail that was accepted would be sent again.
    greetingTimeout: NEVER_MS,
    socketTimeout: NEVER_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    tls: {
      ...tlsOptions(),
      rejectUnauthorized: !server.isLoopback || ca !== undefined,
      ...(ca === undefined ? {} : { ca }),
    },
  };
}

const LOCALHOST = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/** The replies to an e-mail have a few KiB, and so have certificates. */
const MAX_REPLIES_BYTES = 64 * 1024;

/**
 * Nodemailer would ask a DNS server even for localhost, and who answers would get the password. It also collects lines that it hasn't asked
 * for, so a server is disconnected after too many bytes.
 */
function connectTo({ isLoopback }: SmtpServer, signal: AbortSignal): SMTPTransportOptions["getSocket"] {
  const lookup: LookupFunction = (_host, _options, found) => found(null, LOCALHOST);
  return ({ host, port }, done) => {
    const connection = connect({ host, port: Number(port), signal, ...(isLoopback && { lookup }) });
    once(connection, "connect").then(
      () => done(null, { connection: limitReplies(connection) }),
      (error) => done(Object.assign(error instanceof AggregateError ? error.errors[0] : error, { code: "ESOCKET" })),
    );
  };
}

function limitReplies(connection: Socket): Socket {
  let received = 0;
  let sent = 0;
  // A reply, or a server's part of a TLS handshake, comes before we send anything again.
  let receivedSinceSent = 0;
  const limit = new Transform({
    transform(piece: Buffer, _, done) {
      if (connection.bytesWritten > sent) receivedSinceSent = 0;
      sent = connection.bytesWritten;
      receivedSinceSent += piece.length;
      received += piece.length;
      const isTooLong = receivedSinceSent > MAX_HANDSHAKE_BYTES || received > MAX_REPLIES_BYTES;
      done(isTooLong ? new Error("its replies are too long") : null, piece);
    },
  });
  limit.once("error", () => connection.destroy());
  const limited = Duplex.from({ readable: connection.pipe(limit), writable: connection });
  // Nodemailer calls these methods of a socket, too.
  return Object.assign(limited, { setTimeout: () => limited, setKeepAlive: () => limited }) as unknown as Socket;
}

function defaultSender(server: SmtpServer): string {
  if (server.login?.user.includes("@")) return server.login.user;
  return `whcb@${server.host.includes(":") ? `[IPv6:${server.host}]` : server.host}`;
}

/** Says without secrets why an e-mail wasn't sent. */
function failureReason(error: unknown, server: SmtpServer): string {
  const code = fieldOf(error, "code");
  const status = fieldOf(error, "responseCode");
  // A reply to a login may repeat the password.
  if (code === "EAUTH" || fieldOf(error, "command").startsWith("AUTH")) {
    return `rejected the login${status === "" ? "" : ` (${status})`}`;
  }
  if (code === "ENOAUTH") return "requires a login";
  if (code === "ETLS") return "doesn't offer a TLS connection that can be used";
  if (status !== "") return `rejected the mail (${withoutLogin(fieldOf(error, "response"), server) || status})`;
  if (code === "ETIMEDOUT" || code === "ECONNECTION" || code === "ESOCKET" || code === "EDNS") {
    return `can't be reached (${withoutLogin(errorMessage(error), server)})`;
  }
  return `didn't accept the mail${code === "" ? "" : ` (${code})`}`;
}

function fieldOf(error: unknown, name: string): string {
  if (typeof error !== "object" || error === null || !(name in error)) return "";
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

const MAX_REPLY = 200;

/** Masks the password, both as it is and as SMTP encodes it. */
function withoutLogin(text: string, { login }: SmtpServer): string {
  const line = text.replace(/\p{Cc}+/gu, " ");
  if (login === null || login.pass === "") return line.slice(0, MAX_REPLY);
  const secrets = [login.pass, base64(login.pass), base64(`\u0000${login.user}\u0000${login.pass}`)];
  return secretMask(secrets)(line).slice(0, MAX_REPLY);
}

/** Without its padding, which a server may leave out when it repeats it. */
function base64(text: string): string {
  return Buffer.from(text)
    .toString("base64")
    .replace(/={1,2}$/, "");
}

interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** Whether TLS begins with the first byte. Otherwise STARTTLS is used if it is offered. */
  readonly isTls: boolean;
  readonly login: { readonly user: string; readonly pass: string } | null;
  readonly from: string | null;
  /** A server on this machine needs neither encryption nor a valid certificate. */
  readonly isLoopback: boolean;
}

/**
 * Reads smtp://[user:password@]host[:port][?from=address], or smtps:// for TLS from the first byte. Throws `config`, without the
 * URL, which may hold a password.
 */
export function parseSmtpUrl(url: string): SmtpServer {
  const parsed = parseUrl(url);
  // What follows the host may be the rest of a password.
  const isServer =
    parsed !== null && /^smtps?:$/.test(parsed.protocol) && parsed.hostname !== "" && /^\/?$/.test(parsed.pathname);
  if (!isServer || parsed.hash !== "" || [...parsed.searchParams.keys()].some((name) => name !== "from")) {
    throw new WhcbError(
      "config",
      "The SMTP URL must look like smtp://host:port or smtps://host:port. In a password, / ? and # are %2F, %3F and %23.",
    );
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
