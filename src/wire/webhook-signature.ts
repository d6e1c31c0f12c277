/** Requests are signed as Standard Webhooks specifies (docs/contract.md, Signed deliveries). */
import { createHmac } from "node:crypto";

/** Returns the key of a secret: `whsec_` and 24 to 64 bytes in base64. Returns null for any other text. */
export function readSigningKey(secret: string): Buffer | null {
  const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const key = Buffer.from(encoded, "base64");
  return key.length >= 24 && key.length <= 64 ? key : null;
}

interface SignedContent {
  readonly id: string;
  /** `at` is when this request is made (epoch ms); a repeat has its own. */
  readonly at: number;
  readonly body: string | Uint8Array;
}

/** Has a signature of each key. Without keys, only the time is sent. */
export function signatureHeaders({ id, at, body }: SignedContent, keys: readonly Buffer[]): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  if (keys.length === 0) return { "webhook-timestamp": timestamp };
  const signatures = keys.map((key) => {
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
    return `v1,${hmac.digest("base64")}`;
  });
  return { "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
