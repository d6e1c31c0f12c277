import type { ConnectionOptions } from "node:tls";

/**
 * A server's part of a handshake has 3 to 8 KiB. OpenSSL checks each signature of a certificate chain on this thread, and with
 * keys of the server's choice 100 KiB of them take it half a second.
 */
export const MAX_HANDSHAKE_BYTES = 16 * 1024;

/**
 * Each TLS connection that whcb opens has them. OpenSSL works on this thread, so a server may not choose how long: a prime of its own for
 * Diffie-Hellman over a finite field takes a second, and another chain of certificates, in a second handshake, too.
 */
export function tlsOptions() {
  // Short commands that need no TLS don't load it.
  const { constants } = process.getBuiltinModule("node:crypto");
  const { DEFAULT_CIPHERS } = process.getBuiltinModule("node:tls");
  return {
    // Otherwise NODE_TLS_REJECT_UNAUTHORIZED would decide.
    rejectUnauthorized: true,
    ciphers: `${DEFAULT_CIPHERS}:!kDHE`,
    ecdhCurve: "X25519:P-256:P-384:P-521",
    // disableRenegotiation() does nothing on a client's side.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } satisfies ConnectionOptions;
}
