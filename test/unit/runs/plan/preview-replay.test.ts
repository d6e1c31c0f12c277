import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { toCurl } from "../../../../src/runs/plan/preview-replay.js";

const HOSTILE = "it's $(touch x) `touch x` \\ ! \u001b[2J\u0007\r\n\u0085\u202eEVIL\u200b\u0001234\\'";

const line = (url: string) => toCurl({ method: "GET", url, headers: {}, body: null });

describe("toCurl", () => {
  it("escapes control characters as numbers, which a shell turns back into the characters", () => {
    const line = toCurl({ method: "POST", url: `http://h/${HOSTILE}`, headers: { a: HOSTILE }, body: HOSTILE });
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const script = `curl() { printf '%s\\0' "$@"; }; ${line}`;
    const words = execFileSync("bash", ["-c", script], { env: { LC_ALL: "C.UTF-8" } }).toString();
    expect(words.split("\0")).toEqual([
      ...[
        "--globoff",
        "--request",
        "POST",
        "--url",
        new URL(`http://h/${HOSTILE}`).href,
        "--header",
        `a: ${HOSTILE}`,
        "--data-raw",
        HOSTILE,
      ],
      "",
    ]);
  });

  it("gives curl the URL that was parsed here, without what curl expands or sends on its own", () => {
    const { stdout } = spawnSync(
      "bash",
      ["-c", `curl() { printf '%s\\n' "$5"; }; ${line("http://u:p@example.com\\@127.0.0.1/{a,b}[1-3]#c")}`],
      {
        encoding: "utf8",
      },
    );
    expect(stdout).toBe("http://example.com/@127.0.0.1/%7Ba,b%7D[1-3]\n");
    expect(line("http://example.com/{a,b}")).toMatch(/^curl --globoff /);
  });

  it("shows no spelling of the key", () => {
    const line = toCurl({ method: "POST", url: "http://h/?Auth=it's%2Ba", headers: { a: "it's+a" }, body: null }, "it's+a");
    expect(line).toBe(
      `curl --globoff --request POST --url 'http://h/?Auth='"$WHCB_CALLBACK_KEY" --header 'a: '"$WHCB_CALLBACK_KEY"`,
    );
  });

  it("puts the key's variable between quoted pieces", () => {
    const line = toCurl({ method: "POST", url: "http://h/?Auth=k%20y", headers: { a: "k y" }, body: null }, "k y");
    expect(line).toBe(
      `curl --globoff --request POST --url 'http://h/?Auth='"$WHCB_CALLBACK_KEY" --header 'a: '"$WHCB_CALLBACK_KEY"`,
    );
  });
});
