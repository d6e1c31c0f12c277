/** A mail to send, the same as received, and the error of a send that fails. */
import { expect } from "vitest";
import { isWhcbError } from "../../../src/domain/errors.js";
import type { Mail } from "../../../src/domain/outage.js";

export function aMail(over: Partial<Mail> = {}): Mail {
  return {
    outageId: "0193A1B2C3D47E5F8091A2B3C4D5E6F7",
    callbackId: "00112233445566AA",
    to: "ops@example.com",
    subject: "[whcb] orders is failing: HTTP 503",
    text: 'Callback "orders" is failing.\n\n  whcb replay orders --failed\n',
    createdAt: Date.UTC(2026, 10, 24, 3, 12, 5),
    tries: 0,
    ...over,
  };
}

/** What aMail() from whcb@example.com is, byte for byte. */
export const AS_RECEIVED = [
  "Auto-Submitted: auto-generated",
  "X-Auto-Response-Suppress: All",
  "From: whcb <whcb@example.com>",
  "To: ops@example.com",
  "Subject: [whcb] orders is failing: HTTP 503",
  "Message-ID: <outage.0193A1B2C3D47E5F8091A2B3C4D5E6F7@example.com>",
  "Date: Tue, 24 Nov 2026 03:12:05 +0000",
  "Content-Transfer-Encoding: 7bit",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "",
  'Callback "orders" is failing.',
  "",
  "  whcb replay orders --failed",
  "",
].join("\r\n");

/** Returns the message of its `unavailable`, or "none" if it succeeds. */
export async function failureOf(sending: Promise<unknown>): Promise<string> {
  try {
    await sending;
    return "none";
  } catch (error) {
    expect(isWhcbError(error, "unavailable")).toBe(true);
    return error instanceof Error ? error.message : "";
  }
}
