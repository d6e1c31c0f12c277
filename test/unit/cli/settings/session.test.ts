import { expect, test } from "vitest";
import { WhcbError } from "../../../../src/domain/errors.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const ENV = { WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };

async function failWith(error: WhcbError, url: string) {
  const world = newCliWorld({ openClient: () => Promise.reject(error) });
  return runCli(world, ["calls", "list", "demo"], { env: { ...ENV, WHCB_URL: url } });
}

test("rejected credentials are reported with the place where they came from", async () => {
  const { code, stderr } = await failWith(new WhcbError("forbidden", "wrong key"), "http://localhost:1");
  expect([code, stderr]).toEqual([4, "error: wrong key\nhint: the API key came from WHCB_API_KEY: fix or unset WHCB_API_KEY\n"]);
});
