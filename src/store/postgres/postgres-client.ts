import { TLSSocket } from "node:tls";
import pg from "pg";
import { WhcbError } from "../../domain/errors.js";
import { secretMask } from "../../domain/mask.js";
import { isLoopbackHost } from "../../platform/loopback.js";

/** A server's answers up to the end of the login have some kilobytes, and so have those to the queries of a start. */
const MAX_START_BYTES = 1024 * 1024;

export interface PostgresClientConfig extends pg.ClientConfig {
  /** It is a startup parameter, so RESET keeps it. By default it is the user's own path. */
  readonly searchPath?: string | undefined;
  /** All that the server sends is limited, not only up to the end of the login. */
  readonly isForStart?: boolean;
}

/** On this connection no stranger gets the password or much memory, and it ends with a failed login. */
export class PostgresClient extends pg.Client {
  /** Those of the URL and of PGOPTIONS. */
  declare protected readonly connectionParameters: { options?: string };

  constructor(config: PostgresClientConfig = {}) {
    super(config);
    const { searchPath, isForStart = false } = config;
    if (searchPath !== undefined) {
      const added = `-c search_path=${searchPath.replace(/[\\\s]/g, "\\$&")}`;
      this.connectionParameters.options = `${this.connectionParameters.options ?? ""} ${added}`;
    }
    this.connection.once(this.ssl ? "sslconnect" : "connect", () => this.#limitStart(isForStart));
    // It is the first listener, so nobody gets the error before.
    this.connection.on("errorMessage", (error: Error) => this.#maskPassword(error));
    // pg answers it only once it connects, so this listener comes first, and nothing is written to a destroyed connection.
    this.connection.on("authenticationCleartextPassword", () => {
      if (!this.#isProtected()) this.connection.stream.destroy(clearTextError());
    });
  }

  override connect(): Promise<pg.Client>;
  override connect(done: (error: Error | null, client: pg.Client) => void): void;
  override connect(done?: (error: Error | null, client: pg.Client) => void): unknown {
    if (done === undefined) return super.connect();
    return super.connect((error: Error | null) => {
      // pg leaves a connection open whose login it can't finish, which would keep this process alive.
      if (error !== null) this.connection.stream.destroy();
      done(error, this);
    });
  }

  /** pg keeps all of a message until its end, which may never come. */
  #limitStart(isForQueries: boolean): void {
    const { stream } = this.connection;
    let received = 0;
    const count = (bytes: Buffer): void => {
      received += bytes.length;
      if (received > MAX_START_BYTES) stream.destroy(strangerError());
    };
    stream.on("data", count);
    if (!isForQueries) this.once("connect", () => stream.off("data", count));
  }

  /** A server that gets the password in clear text may repeat it. */
  #maskPassword(error: Error): void {
    const mask = secretMask([this.password ?? ""]);
    for (const name of Object.getOwnPropertyNames(error)) {
      const value: unknown = Reflect.get(error, name);
      if (typeof value === "string" && name !== "code" && name !== "severity") Reflect.set(error, name, mask(value));
    }
  }

  /** Returns whether it uses TLS, or doesn't leave this machine. */
  #isProtected(): boolean {
    return this.connection.stream instanceof TLSSocket || this.host.startsWith("/") || isLoopbackHost(this.host);
  }
}

function strangerError(): WhcbError {
  return new WhcbError("unavailable", "What answers in the database's place isn't PostgreSQL", {
    hint: "Check the host and port of its URL.",
  });
}

function clearTextError(): WhcbError {
  return new WhcbError(
    "config",
    "The database asks for its password in clear text, over a connection that isn't encrypted: it wasn't sent",
    { hint: "Add sslmode=verify-full to its URL, or let the server ask by scram-sha-256 (pg_hba.conf)." },
  );
}
