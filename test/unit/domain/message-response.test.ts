import { expect, it } from "vitest";
import { channelOf, givenValues, replaceAddresses, type Sender, senderAddress } from "../../../src/domain/message-response.js";

it("the channels SMS, EMAIL and VOICE are read in any case, and another one stays as it is", () => {
  expect([" sms", "Email", "voice "].map(channelOf)).toEqual(["SMS", "EMAIL", "VOICE"]);
  expect([" whatsapp ", "smsx", ""].map(channelOf)).toEqual([" whatsapp ", "smsx", ""]);
});

it("addresses are replaced wherever they are words of a text", () => {
  const isAddress = (word: string) => ["a@example.com", "614"].includes(word);
  const replaced = replaceAddresses(
    "Unknown: a@example.com. <a@example.com>, to=614; Ada:a@example.com! b.a@example.com 6140",
    isAddress,
    "*",
  );
  expect(replaced).toBe("Unknown: *. <*>, to=*; Ada:*! b.a@example.com 6140");
});

it("a sender's address is the first that is present of mobile, e-mail, voice and MRI, else the name", () => {
  let from: Sender = { name: "Ada", mri: "mri", mobile: "61400000001", email: "a@example.com", voice: "61400000002" };
  const addresses = [senderAddress(from)];
  for (const missing of ["mobile", "email", "voice", "mri"]) {
    from = { ...from, [missing]: "" };
    addresses.push(senderAddress(from));
  }
  expect(addresses).toEqual(["61400000001", "a@example.com", "61400000002", "mri", "Ada"]);
});

it("a member has a value of its own if it isn't a field's name", () => {
  const given = {
    response: ["messageId", ["extra", "1"]],
    from: [["nick", '"a"']],
    responseMessage: ["content", ["x", "{}"]],
  } as const;
  expect(givenValues(given)).toEqual([
    ["extra", "1"],
    ["nick", '"a"'],
    ["x", "{}"],
  ]);
});
