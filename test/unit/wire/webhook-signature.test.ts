import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import type { SigningSecret } from "../../../src/domain/callback.js";
import { newSigningSecret, systemRandom } from "../../../src/platform/random.js";
import { signDelivery } from "../../../src/wire/delivery-request.js";
import { readSigningKey } from "../../../src/wire/webhook-signature.js";

const NOW = Date.now();
const request = (body: string | Uint8Array, id = "01A21522210776DF8FF336570EA6CDBD") => ({
  method: "POST" as const,
  url: "http://h/",
  headers: { "webhook-id": id, "content-type": "application/json" },
  body,
});
const current = (): SigningSecret => ({ secret: newSigningSecret(systemRandom), until: null });

describe("a signed delivery", () => {
  it.each([
    ["JSON", '{"content":"Zoë 😀"}'],
    ["XML in bytes", Buffer.from("<a>\u00eb\r\n\ufffd</a>")],
    ["an empty body", ""],
  ])("is verified by the official package: %s", (_, body) => {
    const { secret, until } = current();
    const signed = signDelivery(request(body), [{ secret, until }], () => NOW);
    expect(signed.headers["webhook-timestamp"]).toBe(String(Math.floor(NOW / 1_000)));
    const text = Buffer.from(body).toString();
    const verify = (webhook: Webhook, payload: string) => webhook.verify(payload, signed.headers, { jsonParse: false });
    expect(() => verify(new Webhook(secret), text)).not.toThrow();
    expect(() => verify(new Webhook(secret), `${text} `)).toThrow("No matching signature");
    expect(() => verify(new Webhook(current().secret), text)).toThrow("No matching signature");
  });

  it("has the package's signature, whatever characters are in its id", () => {
    const { secret, until } = current();
    for (const id of ["a.1764400000", "order-1_~", "ü"]) {
      const { headers } = signDelivery(request("{}", id), [{ secret, until }], () => NOW);
      expect(headers["webhook-signature"]).toBe(new Webhook(secret).sign(id, new Date(NOW), "{}"));
    }
  });

  it("is also signed with a replaced secret, until that ends", () => {
    const [now, before] = [current(), current()];
    const secrets = [now, { ...before, until: NOW + 1 }];
    const signaturesAt = (at: number) => signDelivery(request("{}"), secrets, () => at).headers["webhook-signature"]?.split(" ");
    const bySecret = ({ secret }: SigningSecret, at: number) =>
      new Webhook(secret).sign("01A21522210776DF8FF336570EA6CDBD", new Date(at), "{}");
    expect(signaturesAt(NOW)).toEqual([bySecret(now, NOW), bySecret(before, NOW)]);
    expect(signaturesAt(NOW + 1)).toEqual([bySecret(now, NOW + 1)]);
  });

  it("is the request as it was without a secret", () => {
    const unsigned = request("{}");
    expect(signDelivery(unsigned, [], () => NOW)).toBe(unsigned);
  });
});

it.each(["", "whsec_", "secret", "whsec_c2hvcnQ=", `whsec_${"A".repeat(100)}`, "whsec_not base64", `${"A".repeat(32)}`])(
  "%j isn't a signing secret",
  (text) => expect(readSigningKey(text)).toBeNull(),
);
