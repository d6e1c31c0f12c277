/** No whole answer came: why, in words that help. */

export type TransportFailureReason = "refused" | "dns" | "tls" | "timeout" | "cut" | "too-large" | "unreachable";

/**
 * Only `refused`, `dns` and `tls` say for sure that the service did nothing; after the others it may have carried the
 * request out.
 */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  readonly reason: TransportFailureReason;

  constructor(reason: TransportFailureReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** Reads what node:http, node:tls or undici threw. */
export function transportFailureOf(error: unknown): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const [code, text] = codeOf(error);
  if (code === "ECONNREFUSED") return new TransportFailure("refused", "connection refused", error);
  if (DNS_CODES.has(code)) return new TransportFailure("dns", `the host name can't be resolved (${code})`, error);
  const tls = TLS_WORDS[code] ?? (isTlsCode(code) ? `the TLS handshake failed (${text})` : undefined);
  if (tls !== undefined) return new TransportFailure("tls", tls, error);
  if (TIMEOUT_CODES.has(code)) return new TransportFailure("timeout", "no answer in time", error);
  if (UNREACHABLE_CODES.has(code)) return new TransportFailure("unreachable", `the host can't be reached (${code})`, error);
  return new TransportFailure("cut", `the connection was cut (${code || text})`, error);
}

const DNS_CODES = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA"]);
const TIMEOUT_CODES = new Set([
  "ETIMEDOUT",
  "TimeoutError",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);
const UNREACHABLE_CODES = new Set(["EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EACCES"]);

const TLS_WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed; name its authority in NODE_EXTRA_CA_CERTS if you trust it",
  SELF_SIGNED_CERT_IN_CHAIN:
    "a certificate of its chain is self-signed (a proxy that looks into TLS?); name its authority in NODE_EXTRA_CA_CERTS if you trust it",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the authority of its certificate isn't known here; name it in NODE_EXTRA_CA_CERTS if you trust it",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the authority of its certificate isn't known here; name it in NODE_EXTRA_CA_CERTS if you trust it",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate isn't valid yet; is this machine's clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it doesn't speak TLS on this port; is the URL meant to be http://?",
  EPROTO: "it doesn't speak TLS on this port; is the URL meant to be http://?",
};

function isTlsCode(code: string): boolean {
  return code.startsWith("ERR_TLS_") || code.startsWith("ERR_SSL_") || code.startsWith("CERT_") || code.startsWith("UNABLE_TO_");
}

/** The code and the message; of several addresses tried (AggregateError), the first one's. */
function codeOf(error: unknown): readonly [code: string, text: string] {
  if (!(error instanceof Error)) return ["", String(error)];
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error.name === "TimeoutError") return ["TimeoutError", error.message];
  if (inner instanceof Error && (code === "" || code === "ABORT_ERR" || code === "UND_ERR_CONNECT")) return codeOf(inner);
  return [code, error.message];
}
