import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyCipher, loadOrCreateSecretKey, secretKeyPath } from "../../../src/store/secret-key.js";
import { storeFiles } from "../../support/store/store-files.js";
import { isPrivate } from "../../support/system.js";

const { path } = storeFiles();

describe("the key file", () => {
  it("is created once, readable only by its owner, and then read", async () => {
    const file = path();
    const key = await loadOrCreateSecretKey(file);
    expect(key).toHaveLength(32);
    expect(await loadOrCreateSecretKey(file)).toEqual(key);
    expect(isPrivate(secretKeyPath(file))).toBe(true);
    expect(readFileSync(secretKeyPath(file), "utf8")).toBe(`${Buffer.from(key).toString("base64")}\n`);
  });

  it("is the same for all that load it at once, and no draft is left", async () => {
    const file = path();
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateSecretKey(file)));
    expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    expect(readdirSync(dirname(file))).toEqual(["whcb.db.key"]);
  });

  it("is rejected if it contains something else, without showing it", async () => {
    const file = path();
    writeFileSync(secretKeyPath(file), "c2hvcnQ=\n");
    await expect(loadOrCreateSecretKey(file)).rejects.toMatchObject({
      code: "config",
      message: expect.not.stringContaining("c2hvcnQ"),
    });
    await expect(loadOrCreateSecretKey(`${file}/no/x.db`)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("can't be used"),
    });
  });
});

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
