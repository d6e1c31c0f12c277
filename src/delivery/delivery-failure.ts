import { isIPv6 } from "node:net";
import type { UnreachableReason } from "../domain/attempt.js";
import { systemErrorCode, WhcbError } from "../domain/errors.js";

export class DeliveryFailure extends Error {
  override readonly name = "DeliveryFailure";
  readonly reason: UnreachableReason;
  /** Undici would retry a connect error forever if it had no code, or one of undici's own. */
  readonly code = "WHCB_DELIVERY";

  constructor(reason: UnreachableReason, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** What this machine or its egress proxy lacks. It isn't the endpoint's fault, and concerns all of its calls. */
export class OwnShortage extends WhcbError {
  constructor(message: string, hint: string, cause: unknown) {
    super("unavailable", message, { hint, cause });
  }
}

/** Returns a WhcbError for what isn't the endpoint's fault. */
export function connectFailure(error: unknown, host: string, isTls: boolean): DeliveryFailure | WhcbError {
  if (error instanceof DeliveryFailure || error instanceof WhcbError) return error;
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const shortage = ownShortage(first);
  if (shortage !== null) return shortage;
  const code = systemErrorCode(first);
  switch (code) {
    case "ECONNREFUSED":
      return new DeliveryFailure("refused", `${host} refused the connection`, error);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    case "EACCES":
    case "EPERM":
    case "EINVAL":
      return new DeliveryFailure("refused", `${host} can't be reached (${code})`, error);
    case "ETIMEDOUT":
      return new DeliveryFailure("connect-timeout", `${host} didn't accept the connection in time`, error);
  }
  if (isTls) return new DeliveryFailure("tls", `${host}: ${tlsDetail(code)}`, error);
  return new DeliveryFailure("reset", `the connection to ${host} was lost${code === "" ? "" : ` (${code})`}`, error);
}

/** Names what this machine lacks to connect. Returns null if the error is of another kind. */
export function ownShortage(error: unknown): OwnShortage | null {
  const code = systemErrorCode(error);
  const shortage = (what: string, hint: string) => new OwnShortage(`${what} (${code})`, hint, error);
  switch (code) {
    case "EMFILE":
    case "ENFILE":
      return shortage("out of file descriptors", "Raise the limit of open files (ulimit -n).");
    case "ENOBUFS":
    case "ENOMEM":
      return shortage("out of memory for connections", "End other programs, or give this one more memory.");
    case "ENETDOWN":
      return shortage("this machine's network is down", "Check its network.");
    case "EADDRNOTAVAIL":
      // Perhaps no address of this machine can reach an IPv6 endpoint.
      return isIPv6(addressOf(error)) ? null : shortage("out of local ports", "Widen net.ipv4.ip_local_port_range.");
    default:
      return null;
  }
}

/** Returns the address that a system error names, or an empty text. */
function addressOf(error: unknown): string {
  return error instanceof Error && "address" in error ? String(error.address) : "";
}

export function isTlsCode(code: string): boolean {
  return code.startsWith("ERR_TLS") || code.startsWith("ERR_SSL") || code === "EPROTO";
}

export function tlsDetail(code: string): string {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return `its certificate is self-signed (${code})`;
    case "CERT_HAS_EXPIRED":
      return `its certificate has expired (${code})`;
    case "CERT_NOT_YET_VALID":
      return `its certificate isn't valid yet (${code})`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for another host name (${code})`;
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `its certificate isn't from a trusted authority (${code})`;
    default:
      return code === "" || code === "ECONNRESET"
        ? "it closed the connection during the TLS handshake"
        : `the TLS handshake failed (${code})`;
  }
}
