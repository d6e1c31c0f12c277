import { describe, expect, test } from "vitest";
import { renderDetails } from "../../../../../src/cli/commands/calls/get-call.js";
import type { RenderOptions } from "../../../../../src/cli/output/screen.js";
import { PLAIN } from "../../../../../src/cli/output/screen.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const NOW = Date.UTC(2026, 10, 24, 12);
const OPTIONS: RenderOptions = { palette: PLAIN, width: 100, utc: true, now: NOW };

describe("calls get", () => {
  test("shows the call, its last attempt and the reason for its state", () => {
    expect(
      `\n${renderDetails({ call: aListedCall(), callback: aListedCallback(), outage: null, attempts: null }, OPTIONS)}`,
    ).toMatchInlineSnapshot(`
      "
      Call          01A21005625A7A0880E72DC908BEA1E7
      Callback      demo (9837E6D82347EB5D)
      Endpoint      http://127.0.0.1:9000/hook
      Status        FAILED
      Last attempt  2026-11-24 11:59:30Z, 503: Service Unavailable
      Message       7FABF93F8168CABA89F35C1DE659C4AF
      Response      reply by SMS, 24/11/26 11:59
      From          61491570140, Person 40
      Content       Yes, I can come

      No retry is scheduled: the service won't send it again by itself.

      This service doesn't return the attempts.
      "
    `);
  });
});
