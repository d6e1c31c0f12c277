import { describe, expect, test } from "vitest";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const SOUND = { WHCB_USERNAME: "u", WHCB_PASSWORD: "SECRET-pass:word", WHCB_API_KEY: "SECRET-key" };

describe("credentials that HTTP can't carry", () => {
  test.each([
    ["an API key with a line end", { WHCB_API_KEY: "SECRET-key\n" }],
    ["an API key with a control character", { WHCB_API_KEY: "SECRET\u0001key" }],
    ["an API key beyond Latin-1", { WHCB_API_KEY: "SECRET-kéy→" }],
    ["a user name with a colon", { WHCB_USERNAME: "a:b" }],
    ["a password with a NUL", { WHCB_PASSWORD: "SECRET\0" }],
  ])("%s is rejected before anything is opened, by clients and by serve", async (_, odd) => {
    const env = { ...SOUND, ...odd, WHCB_URL: "http://127.0.0.1:1" };
    for (const argv of [["callbacks", "list"], ["serve"]]) {
      const { code, stderr } = await runCli(newCliWorld(), argv, { env });
      expect([code, stderr.includes("SECRET"), /^error: the (API key|user name)/.test(stderr)]).toEqual([4, false, true]);
    }
  });
});
