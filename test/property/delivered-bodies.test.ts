/**
 * A call always agrees with its own body, as it is delivered and read again. Otherwise its line would mark another call, which
 * never arrived.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CallStatus } from "../../src/domain/call.js";
import { WhcbError } from "../../src/domain/errors.js";
import type { MessageResponse } from "../../src/domain/message-response.js";
import { systemClock } from "../../src/platform/clock.js";
import { type ComparableCall, type CompareOptions, comparableCall } from "../../src/runs/plan/comparable-call.js";
import { matchSeen } from "../../src/runs/plan/match-seen.js";
import { phoneParser } from "../../src/runs/plan/plan-reconcile.js";
import { readSeenList, type SeenLine } from "../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import { readCall } from "../../src/wire/json/call-json.js";
import { readResponse, responseToJson } from "../../src/wire/json/response-json.js";

/** XML, and a reader that trims, change a text like this. */
const tidy = (text: string): string => text.replaceAll("\u0001", "\ufffd").replaceAll("\r\n", "\n").trim();
const textOf = (...texts: readonly string[]) => fc.constantFrom(...texts, ...texts.map((text) => ` ${text}`), "", " ");
const SPELLINGS = [(name: string) => name.toUpperCase(), (name: string) => `${name.slice(0, 1)}-${name.slice(1)}`];

/** The body of a response with odd members may be taken for that of the tidy one. */
const pairs = fc
  .record({
    messageId: fc.constantFrom("M1", " M1", "M1 ", "M1\u0001"),
    from: fc.record({ mobile: textOf("61491570100"), name: textOf("Ada") }, { requiredKeys: [] }),
    message: fc.record({ content: textOf("Yes", "Yes\u0001", "Yes\r\nNo"), acknowledged: textOf("28/11/26 10:00") }),
    undeliverable: fc.option(textOf("28/11/26 10:00"), { freq: 2 }),
    spelling: fc.constantFrom(...SPELLINGS),
    misspelled: fc.constantFrom(null, "mobile", "name", "content", "acknowledged", "undeliverable"),
  })
  .map(({ messageId, from, message, undeliverable, spelling, misspelled }) => {
    const responseMessage = { channel: "SMS", ...message, ...(undeliverable !== null && { undeliverable }) };
    const odd = (members: object) =>
      Object.fromEntries(Object.entries(members).map(([name, value]) => [name === misspelled ? spelling(name) : name, value]));
    const plain = (members: object) => Object.fromEntries(Object.entries(members).map(([name, value]) => [name, tidy(value)]));
    return [
      readResponse({ messageId, from: odd(from), responseMessage: odd(responseMessage) }),
      readResponse({ messageId: tidy(messageId), from: plain(from), responseMessage: plain(responseMessage) }),
    ] as const;
  });

/** A client reads it from a list like this. */
function listed(
  id: string,
  status: CallStatus,
  response: MessageResponse,
  options: Pick<CompareOptions, "parsePhone" | "format">,
): ComparableCall {
  const item = JSON.parse(JSON.stringify({ id, status, ...responseToJson(response) }));
  return comparableCall(readCall(item, { callbackId: "X" }), { ...options, timezone: "UTC" });
}

function linesOf(response: MessageResponse, contentType: "json" | "xml", removeHtml: boolean): readonly SeenLine[] {
  try {
    return readSeenList(deliveryBody({ contentType, removeHtml }, response), "UTC").lines;
  } catch (error) {
    if (error instanceof WhcbError) return [];
    throw error;
  }
}

it.each(["json", "xml"] as const)("marks no other call by its %s body", async (contentType) => {
  const phones = await phoneParser("AU");
  const holds = fc.asyncProperty(pairs, fc.boolean(), async ([own, other], removeHtml) => {
    const options = { parsePhone: phones.parse, format: contentType === "xml" ? "xml" : "ndjson" } as const;
    const calls = [listed("own", "SUCCESS", own, options), listed("other", "FAILED", other, options)];
    const { seen } = await matchSeen(linesOf(own, contentType, removeHtml), calls, {
      parsePhone: phones.parse,
      clock: systemClock,
    });
    expect(seen.map(({ id }) => id)).toEqual([]);
  });
  await fc.assert(holds, { numRuns: 500 });
});
