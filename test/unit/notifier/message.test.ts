import { expect, test } from "vitest";
import { checkedAddress, messageIdOf } from "../../../src/notifier/message.js";

test("a mail goes to one plain address and to nobody else", () => {
  expect(["ops@example.com", "o'neil+x@sub.example.co.uk", "josé@exämple.de"].map(checkedAddress)).toHaveLength(3);
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
    expect(() => checkedAddress(address), JSON.stringify(address)).toThrow("is no single e-mail address");
  }
});

test("the same outage always has the same Message-ID", () => {
  expect(messageIdOf("0193A1", "whcb@example.com")).toBe("<outage.0193A1@example.com>");
  expect(() => messageIdOf("x>\r\ny", "whcb@example.com")).toThrow("can't stand in a mail");
});
