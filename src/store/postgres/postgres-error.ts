/** Other files read PostgreSQL's error codes only by `isLostRace`, `isReadOnly` and `isProtocolError`. */
import { type ErrorCode, errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";

interface Explanation {
  readonly code: Extract<ErrorCode, "unavailable" | "config">;
  readonly message: string;
  readonly hint: string;
}

const explainUnavailable = (message: string, hint: string): Explanation => ({ code: "unavailable", message, hint });
const explainMisconfigured = (message: string, hint: string): Explanation => ({ code: "config", message, hint });

const LOST = explainUnavailable(
  "The connection to the database was lost",
  "The service tries again by itself; check the network and the server.",
);
const STARTING = explainUnavailable("The database is starting up or shutting down", "The service tries again by itself.");
const UNREACHABLE = explainUnavailable("The database can't be reached", "Check that it runs, and the host and port of its URL.");
const UNKNOWN_HOST = explainUnavailable("The database's host name can't be resolved", "Check the host of its URL, and DNS.");
const REJECTED_USER = explainMisconfigured(
  "The database rejects this user",
  "Check the user and the password, and pg_hba.conf of the server.",
);

const UNTRUSTED = explainMisconfigured(
  "The certificate of the database's server isn't trusted",
  "Name the file with its authority's certificate in the database's URL: sslrootcert=FILE",
);
const NO_TLS = explainUnavailable(
  "What answers as the database fails at the beginning of TLS",
  "Check the host and port of its URL, and that the server runs.",
);
const CERTIFICATE_FILE = explainMisconfigured(
  "A certificate file that the database's URL names can't be read",
  "Check sslrootcert, sslcert and sslkey in the URL.",
);
const NOT_ENCRYPTED = explainMisconfigured(
  "The database refuses this connection, which isn't encrypted",
  "Add sslmode=verify-full to its URL, or check pg_hba.conf of the server.",
);
const NAME_TAKEN = explainMisconfigured(
  "The database has another program's objects, with names that whcb needs",
  "Create a database or a schema for whcb alone.",
);

const READ_ONLY = "25006";

/** The keys are SQLSTATEs, system errors and those of TLS. Any other error is a bug. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  "28P01": REJECTED_USER,
  "28000": REJECTED_USER,
  "3D000": explainMisconfigured("The database doesn't exist on its server", "Create it: CREATE DATABASE …"),
  "3F000": explainMisconfigured("The database has no schema to use", "Check the user's search_path."),
  "42501": explainMisconfigured(
    "The database's user lacks a right",
    "Make it the owner of the database, or of a schema in its search_path.",
  ),
  "42P07": NAME_TAKEN,
  "42710": NAME_TAKEN,
  "42723": NAME_TAKEN,
  "25P03": LOST,
  [READ_ONLY]: explainUnavailable(
    "The database is read-only",
    "The service continues by itself once the database accepts writes.",
  ),
  "53100": explainUnavailable("The database's disk is full", "Free some space on it; the service then continues by itself."),
  "53200": explainUnavailable("The database is out of memory", "The service tries again by itself."),
  "53300": explainUnavailable("The database has too many connections", "Raise max_connections, or end other clients."),
  "55P03": explainUnavailable("The database is locked by another transaction", "The service tries again by itself."),
  "57014": explainUnavailable("The database took too long for a statement", "The service tries again by itself."),
  "57P01": STARTING,
  "57P02": STARTING,
  "57P03": STARTING,
  "57P05": LOST,
  "58030": explainUnavailable("The database's disk can't be read or written", "Check the server's disk."),
  ECONNREFUSED: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENOENT: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  ERR_TLS_CERT_ALTNAME_INVALID: explainMisconfigured(
    "The certificate of the database's server is for another host",
    "Write the host in the database's URL as the certificate names it.",
  ),
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_HAS_EXPIRED: explainMisconfigured("The certificate of the database's server has expired", "Renew it."),
  ERR_OSSL_PEM_NO_START_LINE: CERTIFICATE_FILE,
  EPROTO: NO_TLS,
  ECONNRESET: LOST,
  EPIPE: LOST,
};

/** Some errors of pg have no code, and are known by their beginning. */
const MESSAGES: readonly (readonly [RegExp, Explanation])[] = [
  [
    /^timeout e(xceeded|xpired)|^Connection terminated due to connection timeout/,
    explainUnavailable("The database doesn't answer", UNREACHABLE.hint),
  ],
  [/^(Connection terminated|Client has encountered a connection error|Client was closed)/, LOST],
  [
    /^Query read timeout/,
    explainUnavailable("The database doesn't answer", "The service tries again by itself; check the network and the server."),
  ],
  [
    /^The server does not support SSL/,
    explainMisconfigured("The database's server doesn't support TLS", "Take sslmode out of its URL, or set TLS up."),
  ],
  [/^There was an error establishing an SSL connection/, NO_TLS],
  [
    /^SASL: .*password/,
    explainMisconfigured("The database asks for a password", "Give it in WHCB_DB, or in the file that PGPASSFILE names."),
  ],
  [
    /^SASL: /,
    explainMisconfigured(
      "What answers as the database doesn't prove that it knows the password",
      "Check what listens at the host and port of its URL.",
    ),
  ],
];

/** Errors without an explanation pass unchanged. */
export function translatePostgresError(error: unknown): unknown {
  const found = explain(error);
  if (found === null) return error;
  const { code, message, hint } = found;
  // The message of such an error has the file's path.
  return new WhcbError(code, message, found === CERTIFICATE_FILE ? { hint } : { hint, cause: error });
}

function explain(error: unknown): Explanation | null {
  const code = systemErrorCode(error);
  if (/^08/.test(code)) return LOST;
  if (isFileError(error)) return CERTIFICATE_FILE;
  if (code === "28000" && /no encryption/.test(errorMessage(error))) return NOT_ENCRYPTED;
  return EXPLANATIONS[code] ?? MESSAGES.find(([pattern]) => pattern.test(errorMessage(error)))?.[1] ?? null;
}

function isFileError(error: unknown): boolean {
  return (
    error instanceof Error && "syscall" in error && (error.syscall === "open" || error.syscall === "read") && "path" in error
  );
}

/** After it, a later connection may be to another server. */
export function isReadOnly(error: unknown): boolean {
  return systemErrorCode(error) === READ_ONLY;
}

/** A pooler answers a startup parameter so that it doesn't know. */
export function isProtocolError(error: unknown): boolean {
  return error instanceof WhcbError && systemErrorCode(error.cause) === "08P01";
}

/** The transaction can run again after a serialization failure, a deadlock, or a unique value or a name that another one took. */
export function isLostRace(error: unknown): boolean {
  const code = systemErrorCode(error instanceof WhcbError ? error.cause : error);
  return ["40001", "40P01", "23505", "42P07", "42710"].includes(code);
}
