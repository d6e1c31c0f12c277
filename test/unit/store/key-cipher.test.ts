import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyCipher } from "../../../src/store/key-cipher.js";

const cipher = keyCipher(new Uint8Array(32).fill(7));

describe("an encrypted auth key", () => {
  it("decrypts to what was encrypted", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 128 }), (key) => {
        expect(cipher.decrypt(cipher.encrypt(key, "CB"), "CB")).toBe(key);
      }),
    );
  });

  it("is different each time", () => {
    expect(cipher.encrypt("key", "CB")).not.toEqual(cipher.encrypt("key", "CB"));
  });

  it("can't be decrypted for another callback, with another secret key, or after a change", () => {
    const sealed = cipher.encrypt("a-secret", "CB");
    const refused = expect.objectContaining({ code: "config", message: expect.not.stringContaining("a-secret") });
    expect(() => cipher.decrypt(sealed, "OTHER")).toThrow(refused);
    expect(() => keyCipher(new Uint8Array(32)).decrypt(sealed, "CB")).toThrow(refused);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Uint8Array.from(sealed, (byte, place) => (place === index ? byte ^ 1 : byte));
      expect(() => cipher.decrypt(changed, "CB")).toThrow(refused);
    }
    expect(() => cipher.decrypt(new Uint8Array(), "CB")).toThrow(refused);
  });
});
