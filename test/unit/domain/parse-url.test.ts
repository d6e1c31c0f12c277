import { expect, test } from "vitest";
import { parseUrl } from "../../../src/domain/mask.js";

test("an internationalized name is parsed, also after V8 has optimized what parses it", () => {
  for (let count = 0; count < 50_000; count++) parseUrl(`https://example.com/${count % 7}`);
  expect(parseUrl("https://bücher.example/ä")?.href).toBe("https://xn--bcher-kva.example/%C3%A4");
  expect(parseUrl("/ä", "https://bücher.example/")?.href).toBe("https://xn--bcher-kva.example/%C3%A4");
});

test("text that isn't a URL is null, also if its characters' bytes are one in UTF-8", () => {
  for (const text of ["", "example.com", "http://", "http://exa mple.com/", "https://Ã\u009f.example/"])
    expect(parseUrl(text)).toBeNull();
});
