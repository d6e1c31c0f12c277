import { describe, expect, test } from "vitest";
import { renderCallback, type ShownSecrets } from "../../../../../src/cli/commands/callbacks/callback-text.js";
import type { RenderOptions } from "../../../../../src/cli/output/screen.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import { aListedCallback } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW, serviceFlags: [] };

describe("callbacks get", () => {
  test("masks the key without --show-key", () => {
    expect(String(renderCallback(aListedCallback(), OPTIONS, "none"))).toContain(
      "Key            ••••cret (--show-key shows it)\n",
    );
    expect(String(renderCallback(aListedCallback(), OPTIONS, "none"))).not.toContain("a-key");
    expect(String(renderCallback(aListedCallback(), OPTIONS, "all"))).toContain("Key            a-key-that-is-secret\n");
  });

  test("shows nothing of Basic's key", () => {
    const callback = aListedCallback({ auth: { type: "basicauth", key: "Y3JtOlN1bjch" } });
    expect(String(renderCallback(callback, OPTIONS, "none"))).toContain("Key            •••• (--show-key shows it)\n");
  });

  test("masks the URL's secrets too, also where a new key is shown", () => {
    const callback = aListedCallback({ url: "https://example.com/?token=s3cret" });
    const lineOf = (shown: ShownSecrets) => /^URL .*$/m.exec(String(renderCallback(callback, OPTIONS, shown)))?.[0];
    const masked = "URL            https://example.com/?token=**** (--show-key shows it)";
    expect([lineOf("none"), lineOf("new-key")]).toEqual([masked, masked]);
    expect(lineOf("all")).toBe("URL            https://example.com/?token=s3cret");
  });
});
