/** A key isn't seen in whatever an endpoint makes of it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { maskSecrets } from "../../src/domain/mask.js";
import { SPELLINGS } from "../support/attack/spellings.js";

/** Ends with a letter: a backslash at the end belongs to the quote that follows as well. */
const anyKey = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(..."/+=&<>\"'\\%;#ux2b4 ~abäÄß½\u00a0\b\f\n\r\tnt"), maxLength: 20 }),
    fc.stringMatching(/^[A-Za-z0-9+/]{4,20}$/),
  )
  .map(([some, letters]) => `${some}${letters}k`);
const anySpelling = fc
  .array(fc.constantFrom(...Object.values(SPELLINGS)), { maxLength: 3 })
  .map((layers) => (text: string) => layers.reduce((spelled, spell) => spell(spelled), text));

const withoutBackslashes = (text: string): string => text.replaceAll("\\", "");

it("masks a key in up to three spellings, one in the other, and nothing else", () => {
  fc.assert(
    fc.property(anyKey, anySpelling, (key, spell) => {
      const [before, after] = [spell('{"got": "'), spell('"}')];
      const masked = maskSecrets(Buffer.from(`${before}${spell(key)}${after}`), [key]).toString();
      // A backslash may stay before a key that looks like an escape itself.
      expect(withoutBackslashes(masked)).toBe(withoutBackslashes(`${before}****${after}`));
    }),
    { numRuns: 2_000 },
  );
});

it("masks a key whose escapes are in HTML twice", () => {
  const text = "\\u002F\\u0030\\u0041\\u0030\\u006B".replaceAll("\\", "&amp;bsol;");
  expect(maskSecrets(Buffer.from(text), ["/0A0k"]).toString()).toBe("****");
});

it("leaves no part of a key, wherever the text is cut", () => {
  const outer = fc.constantFrom(SPELLINGS.JSON, SPELLINGS.HTML, (text: string) => text);
  fc.assert(
    fc.property(anyKey, fc.constantFrom(...Object.values(SPELLINGS)), outer, fc.nat(), (key, inner, outer, where) => {
      const text = Buffer.from(`seen: ${outer(inner(key))}.`);
      const kept = where % text.length;
      const masked = maskSecrets(text, [key], kept).toString();
      expect(masked).toBe(kept <= 6 ? "seen: ".slice(0, kept) : "seen: ****");
    }),
    { numRuns: 2_000 },
  );
});
