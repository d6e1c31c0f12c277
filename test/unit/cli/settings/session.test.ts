import { describe, expect, test } from "vitest";
import { WhcbError } from "../../../../src/domain/errors.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const ENV = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };

async function failWith(error: WhcbError, url: string) {
  const world = newCliWorld({ openClient: () => Promise.reject(error) });
  return runCli(world, ["calls", "list", "demo"], { env: { ...ENV, WHCB_URL: url } });
}

describe("a service that doesn't answer", () => {
  test.each(["http://localhost:8787", "http://127.0.0.1:8787", "http://127.9.8.7", "http://[::1]:8787"])(
    "on this machine is perhaps not running: %s",
    async (url) => {
      expect((await failWith(new WhcbError("network", "no answer"), url)).stderr).toBe(
        "error: no answer\nhint: is it running? Start it with `whcb serve`\n",
      );
    },
  );

  test.each(["http://localhost.example.com", "http://127.evil.example", "https://api.au.whispir.com"])(
    "elsewhere may have another address: %s",
    async (url) => {
      expect((await failWith(new WhcbError("network", "no answer"), url)).stderr).toBe(
        `error: no answer\nhint: check the address ${url} (from WHCB_URL) and your network\n`,
      );
    },
  );
});

test("rejected credentials are reported with the place where they came from", async () => {
  const { code, stderr } = await failWith(new WhcbError("forbidden", "wrong key"), "http://localhost:1");
  expect([code, stderr]).toEqual([4, "error: wrong key\nhint: the API key came from WHCB_API_KEY: fix or unset WHCB_API_KEY\n"]);
});
