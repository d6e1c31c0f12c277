/** Hands mails to a mail server. Its own retries are the outbox's affair: each sending here is one try, bounded in time. */
import { WhcbError } from "../domain/errors.js";
import { systemTimers, type Timers } from "../platform/clock.js";
import { messageOf } from "./message.js";
import type { Notifier } from "./notifier.js";
import { smtpFailure } from "./smtp-failure.js";
import { parseSmtpUrl, type SmtpServer } from "./smtp-url.js";

export interface SmtpNotifierOptions {
  /** See smtp-url.ts; a secret if it holds a password. */
  readonly url: string;
  /** The sender's address; else the URL's from=, else the login if it is an address, else whcb@<host>. */
  readonly from?: string;
  readonly timers?: Timers;
  /** For one sending, from the connection to the server's last word. */
  readonly timeoutMs?: number;
  /** PEM certificates of authorities to trust instead of the system's. */
  readonly ca?: string;
}

/** Throws `config` for a URL that is none. Connects only when there is a mail. */
export function createSmtpNotifier(options: SmtpNotifierOptions): Notifier {
  const server = parseSmtpUrl(options.url);
  const from = options.from ?? server.from ?? defaultSender(server);
  const timers = options.timers ?? systemTimers;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const closing = new AbortController();
  return {
    async send(mail) {
      const message = messageOf(mail, from);
      const { createTransport } = await import("nodemailer");
      const transport = createTransport(transportOptions(server, timeoutMs, options.ca));
      const timeout = new AbortController();
      const cancel = timers.after(timeoutMs, () => timeout.abort());
      try {
        await transport.sendMail({ ...message, signal: AbortSignal.any([timeout.signal, closing.signal]) });
      } catch (error) {
        if (closing.signal.aborted) throw new WhcbError("unavailable", "The mail was not sent: the service is stopping.");
        throw smtpFailure(error, server, timeout.signal.aborted ? timeoutMs : null);
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

function transportOptions(server: SmtpServer, timeoutMs: number, ca: string | undefined) {
  return {
    host: server.host,
    port: server.port,
    secure: server.isTls,
    // A login over an open line can be overheard, and a server in between could hide that STARTTLS is offered.
    requireTLS: server.login !== null && !server.isTls && !server.isLoopback,
    ...(server.login === null ? {} : { auth: server.login }),
    connectionTimeout: Math.min(timeoutMs, 15_000),
    greetingTimeout: Math.min(timeoutMs, 15_000),
    socketTimeout: Math.min(timeoutMs, 30_000),
    dnsTimeout: Math.min(timeoutMs, 10_000),
    disableFileAccess: true,
    disableUrlAccess: true,
    tls: { rejectUnauthorized: !server.isLoopback || ca !== undefined, ...(ca === undefined ? {} : { ca }) },
  };
}

function defaultSender(server: SmtpServer): string {
  if (server.login?.user.includes("@")) return server.login.user;
  return `whcb@${server.host.includes(":") ? `[IPv6:${server.host}]` : server.host}`;
}
