import { describe, expect, test } from "vitest";
import { withConnectionAdvice } from "../../../../src/cli/settings/service-advice.js";
import { TransportFailure, type TransportFailureReason } from "../../../../src/client/transport.js";
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

const NOT_TLS = "this port doesn't use TLS; should the URL begin with http://?";

function hintFor(url: string, reason: TransportFailureReason, message = "it failed", ofClient?: string): string | undefined {
  const cause = new TransportFailure(reason, message);
  const error = new WhcbError("network", message, { cause, ...(ofClient === undefined ? {} : { hint: ofClient }) });
  return withConnectionAdvice(error, url, "WHCB_URL").hint;
}

describe("the hint of a network error", () => {
  test.each(["http://localhost:8787", "http://127.0.0.1:8787", "http://127.9.8.7", "http://[::1]:8787"])(
    "refused on loopback, says how to start a service: %s",
    (url) => {
      expect(hintFor(url, "refused")).toBe(
        `is it running? Start it with \`whcb serve\`, or check the address ${url} (from WHCB_URL)`,
      );
    },
  );

  test.each([
    ["http://localhost.example.com", "refused", "check the address http://localhost.example.com (from WHCB_URL)"],
    ["https://api.au.whispir.com", "refused", "check the address https://api.au.whispir.com (from WHCB_URL)"],
    ["https://api.eu.whispir.com", "dns", "check the address https://api.eu.whispir.com (from WHCB_URL) and your network"],
    ["https://api.au.whispir.com", "tls", undefined],
    [
      "http://127.0.0.1:8443",
      "cut",
      "if the port uses TLS, change the address http://127.0.0.1:8443 (from WHCB_URL) to https://127.0.0.1:8443",
    ],
    ["https://127.0.0.1:8443", "cut", undefined],
    ["http://127.0.0.1:8787", "timeout", undefined],
  ] as const)("for %s and %s is: %s", (url, reason, hint) => {
    expect(hintFor(url, reason)).toBe(hint);
  });

  test("for https to a port without TLS says which address would do", () => {
    expect(hintFor("https://127.0.0.1:8787", "tls", NOT_TLS)).toBe(
      "change the address https://127.0.0.1:8787 (from WHCB_URL) to http://127.0.0.1:8787, or to the port that uses TLS",
    );
  });

  test("for a certificate of another host names the address", () => {
    expect(hintFor("https://api.au.whispir.co", "tls", "its certificate is for another host name")).toBe(
      "check the address https://api.au.whispir.co (from WHCB_URL)",
    );
  });

  test("keeps the client's warning that a request may have been executed", () => {
    expect(hintFor("http://127.0.0.1:1", "cut", "it failed", "it may have been executed")).toBe("it may have been executed");
  });
});
