import { describe, expect, test } from "vitest";
import { renderCallback } from "../../../../../src/cli/commands/callbacks/callback-text.js";
import type { RenderOptions } from "../../../../../src/cli/output/screen.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import { aListedCallback } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW, serviceFlags: [] };

describe("callbacks get", () => {
  test("masks the key without --show-key", () => {
    expect(String(renderCallback(aListedCallback(), OPTIONS, false))).toContain(
      "Key            ••••cret (--show-key shows it)\n",
    );
    expect(String(renderCallback(aListedCallback(), OPTIONS, false))).not.toContain("a-key");
    expect(String(renderCallback(aListedCallback(), OPTIONS, true))).toContain("Key            a-key-that-is-secret\n");
  });
});
