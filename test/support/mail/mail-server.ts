/** A real SMTP server on loopback that records what it receives. */
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string;
  readonly isSecure: boolean;
  readonly raw: string;
}

export interface MailServer {
  readonly port: number;
  /** They are in the order in which they were received. */
  readonly mails: Received[];
  close(): Promise<void>;
}

/** Listens on `port`, or on any free port. */
export async function startMailServer(options: SMTPServerOptions = {}, port = 0, host = "127.0.0.1"): Promise<MailServer> {
  const mails: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      let raw = "";
      stream.on("data", (chunk) => {
        raw += chunk;
      });
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? "" : mailFrom.address;
        mails.push({ from, to: rcptTo.map(({ address }) => address), user: session.user ?? "", isSecure: session.secure, raw });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return { port: address.port, mails, close: () => new Promise((resolve) => server.close(resolve)) };
}
