/** What went wrong on the way to an answer, in the words of dispatch.md. A detail names host and port, never path or query: they may hold a key. */
import { errors } from "undici";
import type { UnreachableReason } from "../domain/attempt.js";

export class DeliveryFailure extends Error {
  override readonly name = "DeliveryFailure";
  readonly reason: UnreachableReason;
  /** undici tries again for ever what fails without a code of its own, so this must be none of undici's. */
  readonly code = "WHCB_DELIVERY";

  constructor(reason: UnreachableReason, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** A failure after the connection was up. `host`: for the detail. `hasBegun`: whether an answer's headers had come in. */
export function exchangeFailure(error: unknown, host: string, hasBegun: boolean): DeliveryFailure {
  if (error instanceof DeliveryFailure) return error;
  const code = codeOf(error);
  if (error instanceof errors.HeadersOverflowError)
    return new DeliveryFailure("too-large", "the answer's headers are over 16 KiB", error);
  if (code === "HPE_INVALID_EOF_STATE" || (error instanceof errors.ResponseContentLengthMismatchError && hasBegun)) {
    return new DeliveryFailure("reset", `${host} ended the connection before its answer was complete`, error);
  }
  // A mismatch before any body: undici's word for headers that contradict each other.
  if (error instanceof errors.HTTPParserError || error instanceof errors.ResponseContentLengthMismatchError) {
    return new DeliveryFailure("protocol", `what ${host} sent is no HTTP answer`, error);
  }
  if (error instanceof errors.SocketError) {
    return error.message.startsWith("bad ")
      ? new DeliveryFailure("protocol", `${host} sent an answer that nothing had asked for`, error)
      : new DeliveryFailure("reset", `${host} closed the connection before its answer was complete`, error);
  }
  if (error instanceof errors.InvalidArgumentError) {
    return new DeliveryFailure(
      "protocol",
      "the request can't be formed: its URL or a header holds a character that HTTP doesn't allow",
      error,
    );
  }
  if (isTlsCode(code)) return new DeliveryFailure("tls", `${host}: ${tlsDetail(code)}`, error);
  return new DeliveryFailure("reset", `the connection to ${host} broke${code === "" ? "" : ` (${code})`}`, error);
}

/** A failure to get the connection up. */
export function connectFailure(error: unknown, host: string, isTls: boolean): DeliveryFailure {
  if (error instanceof DeliveryFailure) return error;
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const code = codeOf(first);
  switch (code) {
    case "ECONNREFUSED":
      return new DeliveryFailure("refused", `${host} refused the connection`, error);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    case "EACCES":
    case "EPERM":
    case "EINVAL":
      return new DeliveryFailure("refused", `no way to ${host} (${code})`, error);
    case "ETIMEDOUT":
      return new DeliveryFailure("connect-timeout", `${host} didn't take the connection in time`, error);
  }
  if (isTls) return new DeliveryFailure("tls", `${host}: ${tlsDetail(code)}`, error);
  return new DeliveryFailure("reset", `the connection to ${host} broke${code === "" ? "" : ` (${code})`}`, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function isTlsCode(code: string): boolean {
  return code.startsWith("ERR_TLS") || code.startsWith("ERR_SSL") || code === "EPROTO";
}

function tlsDetail(code: string): string {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return `its certificate is signed by itself (${code})`;
    case "CERT_HAS_EXPIRED":
      return `its certificate has expired (${code})`;
    case "CERT_NOT_YET_VALID":
      return `its certificate isn't valid yet (${code})`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for another name (${code})`;
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `nobody trusted has signed its certificate (${code})`;
    default:
      return code === "" || code === "ECONNRESET" ? "it broke off the TLS handshake" : `the TLS handshake failed (${code})`;
  }
}
