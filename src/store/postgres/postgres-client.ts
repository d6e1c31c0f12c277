import { statSync } from "node:fs";
import { type ConnectionOptions, TLSSocket } from "node:tls";
import pg from "pg";
import { WhcbError } from "../../domain/errors.js";
import { parseUrl, secretMask } from "../../domain/mask.js";
import { EVERYBODY_WRITES, requireNoStrangers } from "../../platform/files/is-own.js";
import { tlsOptions } from "../../platform/tls-options.js";
import { ServerMessages } from "./server-messages.js";

/** A server's answers up to the end of the login have some kilobytes. */
const MAX_LOGIN_BYTES = 64 * 1024;
/** The answers to the queries of a start have some kilobytes more. */
const MAX_START_BYTES = 1024 * 1024;

/** PostgreSQL's own texts are shorter, but for what they repeat of a statement. */
const LONGEST_TEXT = 4_096;

export interface PostgresClientConfig extends pg.ClientConfig {
  /** It is a startup parameter, so RESET keeps it. By default it is the user's own path. */
  readonly searchPath?: string | undefined;
  /** All that the server sends is limited, not only up to the end of the login. */
  readonly isForStart?: boolean;
}

/** How the server has let us in, as libpq's `require_auth` names it. By "none" it has asked for nothing. */
type LoginMethod = "none" | "password" | "md5" | "scram-sha-256";

/** On this connection no stranger gets the password or much memory, nor is taken for the database. It ends with a failed login. */
export class PostgresClient extends pg.Client {
  /** Those of the URL and of PGOPTIONS. */
  declare protected readonly connectionParameters: { options?: string };
  /** Looks for the password in the file of PGPASSFILE, unless there is one. */
  declare protected readonly _getPassword: (done: () => void) => void;

  /** The methods that the URL allows. It is null if it doesn't say. */
  readonly #allowed: readonly string[] | null;
  readonly #isForStart: boolean;
  #method: LoginMethod = "none";
  #maxBytes = MAX_LOGIN_BYTES;

  constructor(config: PostgresClientConfig = {}) {
    const { searchPath, isForStart = false, connectionString = "" } = config;
    super({ ...config, connectionString: withFullCheck(connectionString) });
    this.#allowed = parseUrl(connectionString)?.searchParams.get("require_auth")?.split(",") ?? null;
    this.#isForStart = isForStart;
    if (searchPath !== undefined) {
      const added = `-c search_path=${searchPath.replace(/[\\\s]/g, "\\$&")}`;
      this.connectionParameters.options = `${this.connectionParameters.options ?? ""} ${added}`;
    }
    if (this.ssl) {
      const tls: ConnectionOptions = this.ssl === true ? {} : this.ssl;
      const { rejectUnauthorized = true } = tls;
      Object.assign(this.connection, { ssl: Object.assign(tls, tlsOptions(), { rejectUnauthorized }) });
    }
    // Before its user listens, a connection that is lost after the login would end the process. The next statement fails.
    this.on("error", () => {});
    this.connection.once(this.ssl ? "sslconnect" : "connect", () => this.#guardParser());
    // It is the first listener, so nobody gets the error before.
    this.connection.on("errorMessage", (error: Error) => this.#clean(error));
    // pg answers them only once it connects, so these listeners come first, and nothing is written to a destroyed connection.
    this.connection.on("authenticationCleartextPassword", () => this.#beginLogin("password"));
    this.connection.on("authenticationMD5Password", () => this.#beginLogin("md5"));
    // pg checks the server's signature.
    this.connection.on("authenticationSASLFinal", () => {
      this.#method = "scram-sha-256";
    });
  }

  override connect(): Promise<pg.Client>;
  override connect(done: (error: Error | null, client: pg.Client) => void): void;
  override connect(done?: (error: Error | null, client: pg.Client) => void): unknown {
    const connecting = this.#connect();
    if (done === undefined) return connecting;
    return void connecting.then(
      () => done(null, this),
      (error: Error) => done(error, this),
    );
  }

  async #connect(): Promise<this> {
    try {
      await super.connect();
      if (!this.#isAllowed()) await this.#requireNoPassword();
      this.#maxBytes = this.#isForStart ? MAX_START_BYTES : Infinity;
      return this;
    } catch (error) {
      // pg leaves a connection open whose login it can't finish, which would keep this process alive.
      this.connection.stream.destroy();
      throw error;
    }
  }

  #beginLogin(method: LoginMethod): void {
    this.#method = method;
    if (!this.#isAllowed()) this.connection.stream.destroy(unprovenError(method));
  }

  /** Without a password, nothing can be proved. */
  async #requireNoPassword(): Promise<void> {
    if (this.#allowed === null) await new Promise<void>((resolve) => this._getPassword(resolve));
    if (this.#allowed !== null || this.password) throw unprovenError(this.#method);
  }

  /** Nobody would catch what pg's parser throws, and it keeps all of a message until its end, which may never come. */
  #guardParser(): void {
    const { stream } = this.connection;
    const [parse] = stream.listeners("data");
    if (parse === undefined) return;
    const messages = new ServerMessages();
    let received = 0;
    stream.removeAllListeners("data").on("data", (bytes: Buffer) => {
      try {
        received += bytes.length;
        if (received > this.#maxBytes) throw new Error(`it has sent ${received} bytes`);
        for (const message of messages.take(bytes)) parse.call(stream, message);
      } catch (cause) {
        stream.destroy(strangerError(cause));
      }
    });
  }

  /** A server that gets the password in clear text may repeat it, and a text that whcb logs may have any length. */
  #clean(error: Error): void {
    const mask = secretMask([this.password ?? ""]);
    for (const name of Object.getOwnPropertyNames(error)) {
      const value: unknown = Reflect.get(error, name);
      if (typeof value === "string" && name !== "code" && name !== "severity")
        Reflect.set(error, name, mask(value).slice(0, LONGEST_TEXT));
    }
  }

  /** By SCRAM the server proves that it knows the password, too. */
  #isAllowed(): boolean {
    if (this.#allowed !== null) return this.#allowed.includes(this.#method);
    return this.#method === "scram-sha-256" || this.connection.stream instanceof TLSSocket || isClosedFolder(this.host);
  }
}

/** The modes mean verify-full here. For some of them, pg checks no certificate with `uselibpqcompat`, which it advises to set. */
function withFullCheck(connectionString: string): string {
  const url = parseUrl(connectionString);
  const mode = url?.searchParams.getAll("sslmode").at(-1);
  if (url === null || mode === undefined) return connectionString;
  url.searchParams.delete("uselibpqcompat");
  if (["prefer", "require", "verify-ca"].includes(mode)) url.searchParams.set("sslmode", "verify-full");
  return url.href;
}

/**
 * Returns the database's host, or the folder of its socket, if another program may get in between: it passes the login on to the server,
 * which proves that it knows the password, and then reads and changes what it likes. Only TLS and a closed folder keep it out.
 */
export function clearTextHost(url: string): string | null {
  const { ssl, host } = new PostgresClient({ connectionString: url });
  return ssl || isClosedFolder(host) ? null : host;
}

/** Otherwise another user may make the socket, or a folder or link that leads to it, while the server is stopped. */
function isClosedFolder(host: string): boolean {
  if (!host.startsWith("/")) return false;
  try {
    // The server's group may write to its folder.
    requireNoStrangers(host, { isShared: true });
    return (statSync(host).mode & EVERYBODY_WRITES) === 0;
  } catch {
    return false;
  }
}

function strangerError(cause: unknown): WhcbError {
  return new WhcbError("unavailable", "What answers in the database's place isn't PostgreSQL", {
    hint: "Check the host and port of its URL.",
    cause,
  });
}

function unprovenError(method: LoginMethod): WhcbError {
  return new WhcbError("config", "What answers as the database doesn't prove that it knows the password, without TLS", {
    hint: `Let the server ask by scram-sha-256 (pg_hba.conf), add sslmode=verify-full to its URL, or trust the network: require_auth=${method}.`,
  });
}
