import { expect, test } from "vitest";
import { checkAddress, messageId } from "../../../src/notifier/notifier.js";

test("a mail goes to exactly one plain address", () => {
  expect(["ops@example.com", "o'neil+x@sub.example.co.uk", "josé@exämple.de"].map(checkAddress)).toHaveLength(3);
  for (const address of [
    "a@example.com, b@example.com",
    "a@example.com;b@example.com",
    "A <a@example.com>",
    "a@example.com\r\nBcc: b@example.com",
    "a@example.com\u0000",
    "a b@example.com",
    '"a b"@example.com',
    "a@b@example.com",
    "group: a@example.com;",
    "a",
    "@",
    "",
  ]) {
    expect(() => checkAddress(address), JSON.stringify(address)).toThrow("isn't a single e-mail address");
  }
});

test("the same outage always has the same Message-ID", () => {
  expect(messageId("0193A1", "whcb@example.com")).toBe("<outage.0193A1@example.com>");
  expect(() => messageId("x>\r\ny", "whcb@example.com")).toThrow("a mail can't carry");
});
