import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { toCurl } from "../../../../src/runs/plan/preview-replay.js";

const HOSTILE = "it's $(touch x) `touch x` \\ ! \u001b[2J\u0007\r\n\u0085\u202eEVIL\u200b\u0001234\\'";

describe("toCurl", () => {
  it("escapes control characters as numbers, which a shell turns back into the characters", () => {
    const line = toCurl({ method: "POST", url: `http://h/${HOSTILE}`, headers: { a: HOSTILE }, body: HOSTILE });
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const script = `curl() { printf '%s\\0' "$@"; }; ${line}`;
    const words = execFileSync("bash", ["-c", script], { env: { LC_ALL: "C.UTF-8" } }).toString();
    expect(words.split("\0")).toEqual([
      ...["--request", "POST", "--url", `http://h/${HOSTILE}`, "--header", `a: ${HOSTILE}`, "--data-raw", HOSTILE],
      "",
    ]);
  });

  it("puts the key's variable between quoted pieces", () => {
    const line = toCurl({ method: "POST", url: "http://h/?Auth=k%20y", headers: { a: "k y" }, body: null }, "k y");
    expect(line).toBe(`curl --request POST --url 'http://h/?Auth='"$WHCB_CALLBACK_KEY" --header 'a: '"$WHCB_CALLBACK_KEY"`);
  });
});
