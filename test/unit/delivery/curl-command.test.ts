import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { toCurl } from "../../../src/delivery/curl-command.js";
import { IS_WINDOWS } from "../../support/system.js";

const HOSTILE = "it's $(touch x) `touch x` \\ ! \u001b[2J\u0007\r\n\u0085\u202eEVIL\u200b\u0001234\\'";

type Request = Parameters<typeof toCurl>[0]["request"];

const line = (request: Partial<Request> & { readonly url: string }, secret = "", url = request.url) =>
  toCurl({ request: { method: "GET", headers: {}, body: null, ...request }, url, to: null, secret, callbackId: "A1" });

describe("toCurl", () => {
  it.skipIf(IS_WINDOWS)("escapes control characters as numbers, which a shell turns back into the characters", () => {
    const command = line({ method: "POST", url: `http://h/${HOSTILE}`, headers: { a: HOSTILE }, body: HOSTILE });
    expect(command).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const script = `curl() { printf '%s\\0' "$@"; }; ${command}`;
    const words = execFileSync("bash", ["-c", script], { env: { LC_ALL: "C.UTF-8" } }).toString();
    expect(words.split("\0")).toEqual([
      ...[
        "--globoff",
        "--fail-with-body",
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

  it.skipIf(IS_WINDOWS).each(["bash", "dash", "zsh", "fish"])(
    "has a JSON body that %s reads as it is meant, where it is installed",
    (shell) => {
      if (spawnSync(shell, ["-c", ""]).error !== undefined) return;
      const content = `hi\u200b\\'; echo run; #\u{e0041}\u200d\u2028\u0085\n${HOSTILE}`;
      const headers = { "content-type": "application/json" };
      const command = line({ method: "POST", url: "http://h/", headers, body: JSON.stringify({ content }) });
      const { stdout } = spawnSync(shell, ["-c", command.replace("curl --globoff", "printf '%s\\n'")], { encoding: "utf8" });
      const [body = ""] = /\{.*\}/.exec(stdout) ?? [];
      expect(JSON.parse(body)).toEqual({ content });
    },
  );

  it.skipIf(IS_WINDOWS)("gives curl the URL that was parsed here, without what curl expands or sends on its own", () => {
    const { stdout } = spawnSync(
      "bash",
      ["-c", `curl() { printf '%s\\n' "$6"; }; ${line({ url: "http://u:p@example.com\\@127.0.0.1/{a,b}[1-3]#c" })}`],
      {
        encoding: "utf8",
      },
    );
    expect(stdout).toBe("http://example.com/@127.0.0.1/%7Ba,b%7D[1-3]\n");
    expect(line({ url: "http://example.com/{a,b}" })).toMatch(/^curl --globoff /);
  });

  it.skipIf(IS_WINDOWS)("ends with 22 if the endpoint rejects, also with an empty body", async () => {
    const server = createServer((_, response) => void response.writeHead(401).end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const command = line({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    expect(await once(spawn("sh", ["-c", command], { stdio: "ignore" }), "close")).toEqual([22, null]);
    server.close();
  });

  it("shows no spelling of the key", () => {
    const command = line({ url: "http://h/?Auth=it's%2Ba", headers: { a: "it's+a" } }, "it's+a", "http://h/");
    expect(command).toBe(
      `curl --globoff --fail-with-body --request GET --url 'http://h/?Auth='"$WHCB_CALLBACK_KEY_A1" --header 'a: '"$WHCB_CALLBACK_KEY_A1"`,
    );
  });

  it("puts the key's variable between quoted pieces", () => {
    const command = line({ url: "http://h/?Auth=k%20y", headers: { a: "k y" } }, "k y", "http://h/");
    expect(command).toBe(
      `curl --globoff --fail-with-body --request GET --url 'http://h/?Auth='"$WHCB_CALLBACK_KEY_A1" --header 'a: '"$WHCB_CALLBACK_KEY_A1"`,
    );
  });

  it("has variables of the callback's own, as those of another callback may still be set", () => {
    const url = "https://h/hook?token=s3cret";
    const request = { method: "GET", headers: { a: "k y" }, body: null, url } as const;
    for (const [callbackId, suffix] of [
      ["49C0F00D49C0F00D", "49C0F00D49C0F00D"],
      ['b-1"; rm x', "b_1___rm_x_deb65221"],
      ["b.1'; rm x", "b_1___rm_x_e21543db"],
    ] as const)
      expect(toCurl({ request, url, to: null, secret: "k y", callbackId })).toBe(
        `curl --globoff --fail-with-body --request GET --url "$WHCB_CALLBACK_URL_${suffix}" --header 'a: '"$WHCB_CALLBACK_KEY_${suffix}"`,
      );
  });

  it("has a variable of the URL of --to", () => {
    const [own, other] = ["https://h/hook?token=s3cret", "https://h/else?token=s3cret"].map((to) =>
      toCurl({
        request: { method: "GET", headers: { a: "k y" }, body: null, url: to },
        url: to,
        to,
        secret: "k y",
        callbackId: "A1",
      }),
    );
    expect(own).toBe(
      `curl --globoff --fail-with-body --request GET --url "$WHCB_CALLBACK_URL_h_hook_token_148b6665" --header 'a: '"$WHCB_CALLBACK_KEY_A1"`,
    );
    expect(other).toContain(`"$WHCB_CALLBACK_URL_h_else_token_e80b47bf"`);
  });

  it("leaves a URL that holds a secret to a variable, and adds the key's parameter", () => {
    const url = "https://h/hook?token=s3cret";
    expect(line({ url })).toBe(`curl --globoff --fail-with-body --request GET --url "$WHCB_CALLBACK_URL_A1"`);
    expect(line({ url: `${url}&Auth=k%20y` }, "k y", url)).toBe(
      `curl --globoff --fail-with-body --request GET --url "$WHCB_CALLBACK_URL_A1"'&Auth='"$WHCB_CALLBACK_KEY_A1"`,
    );
    expect(line({ url: "https://h?token=s3cret" })).toContain(`"$WHCB_CALLBACK_URL_A1"`);
    expect(line({ url: "https://h:443/?token=s3cret" })).toContain(`"$WHCB_CALLBACK_URL_A1"`);
    // What curl doesn't need isn't shown.
    expect(line({ url: "https://u:s3cret@h/hook#s3cret" })).toBe(
      "curl --globoff --fail-with-body --request GET --url 'https://h/hook'",
    );
  });

  it.each([
    "https://example.com\\@127.0.0.1/?token=s3cret",
    "https://127.0.0.1@example.com/?token=s3cret",
    "https:example.com//?token=s3cret",
    "https://example.com/?token=s3cret#part",
  ])("prints nothing for %s, in which curl may read another address or which ends before the parameter", (url) => {
    expect(() => line({ url })).toThrow("no command can be printed");
  });
});
