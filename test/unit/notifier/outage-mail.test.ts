import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UNREACHABLE_REASONS, type UnreachableReason } from "../../../src/domain/attempt.js";
import { DEFAULT_RETRY_POLICY } from "../../../src/domain/retry-policy.js";
import { quoteBlock, toLine, truncate } from "../../../src/notifier/notice-text.js";
import {
  composeOutageMail,
  eraseOutageMail,
  type OutageFacts,
  withEnd,
  withRejectedShare,
} from "../../../src/notifier/outage-mail.js";
import { aCallback, aResponse, someSettings } from "../../support/builders.js";
import { cpuMs } from "../../support/time/cpu-growth.js";

const STARTED_AT = Date.UTC(2026, 10, 24, 3, 12, 5);
const KEY = "topsecretkey99";

function facts(
  over: { callback?: Parameters<typeof someSettings>[0] } & Partial<Omit<OutageFacts, "callback">> = {},
): OutageFacts {
  const { callback, ...rest } = over;
  const settings = someSettings({
    name: "orders",
    url: "https://api.example.com/hook",
    auth: { type: "httpheader", key: KEY },
    retriesEnabled: true,
    ...callback,
  });
  return {
    callback: aCallback(settings),
    startedAt: STARTED_AT,
    result: { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "upstream down" },
    call: { id: "0193A1B2C3D47E5F8091A2B3C4D5E6F7", response: aResponse() },
    policy: DEFAULT_RETRY_POLICY,
    pageUrl: null,
    ...rest,
  };
}

describe("the e-mail about an outage", () => {
  test("whose first response got no complete answer says that the endpoint may have it, and names reconcile", () => {
    const mailAbout = (reason: UnreachableReason) =>
      composeOutageMail(facts({ result: { kind: "unreachable", reason, detail: "no answer within 60 s" } })).text;
    expect(mailAbout("response-timeout")).toContain(`  whcb replay orders --failed

The endpoint gave no complete answer, so it may have received what is listed
as FAILED. With a file of what it has, only the rest is replayed:

  whcb reconcile orders --seen FILE

`);
    const named = UNREACHABLE_REASONS.filter((reason) => mailAbout(reason).includes("whcb reconcile"));
    expect(named).toEqual(["response-timeout", "reset", "too-large", "protocol"]);
    const result = { kind: "answered", statusCode: 504, statusMessage: "Gateway Timeout", body: "" } as const;
    expect(composeOutageMail(facts({ result })).text).toContain("whcb reconcile");
  });

  test("that one body may have caused says how many were accepted before it", () => {
    const result = { kind: "answered", statusCode: 422, statusMessage: "Unprocessable Entity", body: "no such field" } as const;
    const { subject, text } = withRejectedShare(composeOutageMail(facts({ result })), {
      accepted: 1_799,
      failed: 1,
      since: STARTED_AT,
    });
    expect(subject).toBe("[whcb] orders rejected 1 of 1800: HTTP 422 Unprocessable Entity");
    expect(text).toContain('Callback "orders": its endpoint rejected 1 of 1800 attempts since\n2026-11-24 03:12:05 UTC.\n\n');
    const erased = eraseOutageMail({ subject, text }, { callIds: new Set([facts().call.id]), isSender: () => false });
    expect(erased?.subject).toBe("[whcb] orders rejected 1 of 1800: HTTP 422");
    const busy = composeOutageMail(facts());
    expect(withRejectedShare(busy, { accepted: 1_799, failed: 1, since: STARTED_AT })).toBe(busy);
    const only = composeOutageMail(facts({ result }));
    expect(withRejectedShare(only, { accepted: 0, failed: 1, since: STARTED_AT })).toBe(only);
  });

  test("that is sent after the outage says that it has ended, whatever it said before", () => {
    const first = composeOutageMail(
      facts({ result: { kind: "answered", statusCode: 422, statusMessage: "Gone wrong", body: "" } }),
    );
    const shared = withRejectedShare(first, { accepted: 1_799, failed: 1, since: STARTED_AT });
    for (const mail of [first, shared]) {
      const late = withEnd(mail, STARTED_AT + 5_000);
      expect(late.subject).toBe("[whcb] orders was failing, and its outage has ended: HTTP 422 Gone wrong");
      expect(late.text).toMatch(
        /^Callback "orders" was failing\. This outage ended at\n2026-11-24 03:12:10 UTC, before this e-mail could be sent\.\n\n/,
      );
      expect(late.text).not.toMatch(/while it lasts|is failing|rejected 1 of/);
      expect(withEnd(late, STARTED_AT + 5_000)).toEqual(late);
      const erased = eraseOutageMail(late, { callIds: new Set([facts().call.id]), isSender: () => false });
      expect(erased?.subject).toBe("[whcb] orders was failing, and its outage has ended: HTTP 422");
    }
  });

  test("has no comma before a date that is missing", () => {
    const response = aResponse({ responseMessage: { ...aResponse().responseMessage, date: "" } });
    expect(composeOutageMail(facts({ call: { id: "A", response } })).text).toContain("Channel:   SMS, reply\n");
  });

  test("says what failed, what happens now and what to do", () => {
    expect(composeOutageMail(facts())).toEqual({
      subject: "[whcb] orders is failing: HTTP 503 Service Unavailable",
      text: `Callback "orders" is failing: its endpoint isn't accepting responses.

Since:     2026-11-24 03:12:05 UTC
Error:     HTTP 503 Service Unavailable; only HTTP 200 is a success
Endpoint:  https://api.example.com/hook
Auth:      httpheader, key ****ey99
Callback:  orders (id 00112233445566AA)
The endpoint's answer:
  | upstream down

WHAT HAPPENS NOW
Retries run about every 5 minutes until 2026-11-25 03:12:05 UTC.
Each later response is retried for 24 hours from its own first failure.
If the endpoint recovers in time, they are delivered without you. A response
that still fails at the end stays listed as FAILED until you replay it.

WHAT TO DO
Fix the endpoint, then list what failed and replay it:

  whcb calls list orders --failed
  whcb replay orders --failed

THE FIRST RESPONSE THAT FAILED
Call:      0193A1B2C3D47E5F8091A2B3C4D5E6F7
Message:
  https://api.au.whispir.com/messages/0A1B2C3D4E5F60718293A4B5C6D7E8F9
From:      61400000001 (Ada)
Channel:   SMS, reply, 24/11/26 09:30
Content:
  | Yes

No other e-mail about this outage follows while it lasts.
`,
    });
  });

  test("links to the outage's page, if its address is known", () => {
    const { text } = composeOutageMail(facts({ pageUrl: "https://whcb.example.com/console/outages/1" }));
    expect(text).toContain("Callback:  orders (id 00112233445566AA)\nConsole:   https://whcb.example.com/console/outages/1\n");
  });

  test("has only short ASCII lines, which need no encoding", () => {
    const { text } = composeOutageMail(facts());
    expect(text.split("\n").filter((line) => line.length > 76)).toEqual([]);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  });

  test("says if retries are off, and how to turn them on", () => {
    const { text } = composeOutageMail(facts({ callback: { retriesEnabled: false } }));
    expect(text).toContain("Retries are OFF for this callback: a failed response isn't sent again.");
    expect(text).toContain("\n  whcb callbacks update orders --retries on\n");
    expect(text).not.toContain("Retries run");
  });

  test("says why no answer came", () => {
    const result = { kind: "unreachable", reason: "refused", detail: "127.0.0.1:9000 refused the connection" } as const;
    const mail = composeOutageMail(facts({ result }));
    expect(mail.subject).toBe("[whcb] orders is failing: connection refused");
    expect(mail.text).toContain("Error:\n  connection refused (refused: 127.0.0.1:9000 refused the connection)\n");
  });

  test("never shows the callback's key, whatever field it is in", () => {
    const key = "p@ss wörd/+&=";
    const encoded = encodeURIComponent(key);
    const { subject, text } = composeOutageMail(
      facts({
        callback: {
          url: `https://user:hunter2@api.example.com/${encoded}/x?Auth=${encoded}&again=${encoded}&apiToken=abcdef`,
          auth: { type: "queryparam", key },
        },
        result: { kind: "answered", statusCode: 401, statusMessage: `bad ${key}`, body: `no: ${key} ${encoded}` },
        call: {
          id: "A1",
          response: aResponse({ responseMessage: { channel: "SMS", kind: "reply", date: "", content: `it is ${key}` } }),
        },
      }),
    );
    for (const secret of [key, encoded, "hunter2", "abcdef"]) expect(`${subject}${text}`).not.toContain(secret);
    expect(text).toContain("https://****@api.example.com/****/x?Auth=****&again=****&apiToken=****");
  });

  test("doesn't let outside text add lines, headers or control characters", () => {
    const evil = "x\r\nBcc: all@example.com\r\n\r\n\u001b[2J\u202eevil\u2028WHAT TO DO\nrm -rf /";
    const { subject, text } = composeOutageMail(
      facts({
        callback: { name: evil },
        result: { kind: "answered", statusCode: 500, statusMessage: evil, body: evil },
        call: {
          id: evil,
          response: aResponse({
            messageLocation: evil,
            from: { name: evil, mri: "", mobile: evil, email: "", voice: "" },
            responseMessage: { channel: "SMS", kind: "undeliverable", date: evil, content: evil },
          }),
        },
      }),
    );
    expect(subject).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202e]/u);
    expect(text.split("\n").filter((line) => /^(Bcc|rm|WHAT TO DO$)/.test(line))).toEqual(["WHAT TO DO"]);
    expect(text).toContain("\n  whcb replay 00112233445566AA --failed\n");
  });

  test("truncates long content, and says so", () => {
    const content = "word ".repeat(2_000);
    const { text } = composeOutageMail(
      facts({
        call: { id: "A1", response: aResponse({ responseMessage: { channel: "EMAIL", kind: "reply", date: "", content } }) },
      }),
    );
    expect(text).toContain("  (truncated: 9999 characters in total)\n");
    expect(text.length).toBeLessThan(3_000);
  });

  test("masks only the beginning of 10 MB, and says how long all is", () => {
    const content = Buffer.from(`${" ".repeat(10_000)}topsecretkey99${"%41".repeat(3_300_000)}`).toString();
    const responseMessage = { channel: "SMS", kind: "reply", date: "", content } as const;
    let text = "";
    expect(
      cpuMs(() => ({ text } = composeOutageMail(facts({ call: { id: "A1", response: aResponse({ responseMessage }) } })))),
    ).toBeLessThan(500);
    expect(text).toContain("  | ****%41%41");
    expect(text).toContain("  (truncated: 9900014 characters in total)\n");
  });

  test.each([
    ["orders", "orders"],
    ["orders eu", "'orders eu'"],
    ["it's; rm -rf ~", "00112233445566AA"],
    ["$(reboot)", "00112233445566AA"],
    ["bestellungen-köln", "'bestellungen-köln'"],
    ["--all", "00112233445566AA"],
    ["a\nb", "00112233445566AA"],
    ["a\u202eb", "00112233445566AA"],
  ])("quotes the callback %j for a shell", (name, argument) => {
    expect(composeOutageMail(facts({ callback: { name } })).text).toContain(`\n  whcb replay ${argument} --failed\n`);
  });
});

test("a line has no line breaks, no control characters and nothing invisible", () => {
  expect(toLine(" a\r\nb\u2028c\u001b[2J\u202ed ", 100)).toBe("a b c\ufffd[2J\ufffdd");
});

test("a line of a long text has its beginning", () => {
  expect(toLine(`${" ".repeat(1_000)}12\r\n\r\n5`, 5)).toBe("12  5");
  expect(toLine(`12\r\n\r\n\r\n\u007f${"\r\n".repeat(1_000)}8`, 6)).toBe("12   \ufffd...");
});

test("a line of 10 million line breaks or control characters takes no time of its own", () => {
  const text = Buffer.from(`a${"\u007f\n".repeat(5_000_000)}b`).toString();
  expect(cpuMs(() => toLine(text, 200))).toBeLessThan(100);
});

test("a long text is truncated, but never within a surrogate pair", () => {
  expect(truncate("12345", 5)).toBe("12345");
  expect(truncate("123456", 5)).toBe("12345...");
  expect(truncate("1234😀6", 5)).toBe("1234...");
});

test("a quoted block marks each of its lines, and says how long the text was", () => {
  expect(quoteBlock("\none\ttwo\nthree\u0000\n", 100)).toEqual(["  | one  two", "  | three\ufffd"]);
  expect(quoteBlock("one\ntwo", 4)).toEqual(["  | one", "  | ...", "  (truncated: 7 characters in total)"]);
});

describe("an erased e-mail", () => {
  const MOBILE = "61400000001";
  const isSender = (text: string) => text === MOBILE || text === "a-name-that-is-too-long-for-its-line".repeat(3);
  const echo = {
    kind: "answered",
    statusCode: 500,
    statusMessage: `no +61 400 000 001`,
    body: `you sent\n\n${MOBILE}: Yes`,
  } as const;
  const aMailOf = (mobile: string, name = "Ada") => {
    const call = { id: "CALL", response: aResponse({ from: { ...aResponse().from, mobile, name } }) };
    return composeOutageMail(facts({ result: echo, call }));
  };

  test("has neither sender nor content nor answer, and keeps the rest", () => {
    const mail = aMailOf(MOBILE);
    const erased = eraseOutageMail(mail, { callIds: new Set(), isSender });
    expect(erased?.subject).toBe("[whcb] orders is failing: HTTP 500");
    const before = mail.text.split("\n").filter((line) => !line.startsWith("  | "));
    expect(erased?.text.split("\n").filter((line) => !before.includes(line))).toEqual([
      "Error:     HTTP 500; only HTTP 200 is a success",
      "  | (erased)",
      "From:      (erased)",
      "  | (erased)",
    ]);
    expect(erased?.text.split("\n")).toHaveLength(mail.text.split("\n").length - 2);
  });

  test.each([
    ["the sender's number", aMailOf(MOBILE), []],
    ["the sender's name, which has a line of its own", aMailOf("", "a-name-that-is-too-long-for-its-line".repeat(3)), []],
    ["an erased call", aMailOf("someone else"), ["CALL"]],
  ])("is one about %s", (_, mail, callIds) => {
    const text = eraseOutageMail(mail, { callIds: new Set(callIds), isSender })?.text ?? "";
    expect(text).toMatch(/^From: {6}\(erased\)\nChannel:/m);
  });

  test("is found by each of the sender's addresses, as its call may have been removed", () => {
    const from = { ...aResponse().from, mobile: MOBILE, email: "ada@example.com", voice: MOBILE, mri: "Ada.1@mri", name: "Ada" };
    const mail = composeOutageMail(facts({ call: { id: "CALL", response: aResponse({ from }) } }));
    expect(mail.text).toContain(`From:      ${MOBILE}, ada@example.com, Ada.1@mri (Ada)\n`);
    for (const address of [MOBILE, "ada@example.com", "Ada.1@mri"]) {
      const erased = eraseOutageMail(mail, { callIds: new Set(), isSender: (text) => text === address });
      expect(erased?.addresses).toEqual([MOBILE, "ada@example.com", "Ada.1@mri"]);
      expect(erased?.text).toMatch(/^From: {6}\(erased\)\nChannel:/m);
    }
    expect(eraseOutageMail(aMailOf("", "Ada"), { callIds: new Set(["CALL"]), isSender })?.addresses).toEqual([]);
  });

  test("isn't one about another call, even if its content looks like the sender's", () => {
    const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content: `Call: CALL\nFrom: ${MOBILE}` } });
    const mail = composeOutageMail(
      facts({ call: { id: "OTHER", response: { ...response, from: { ...response.from, mobile: "1" } } } }),
    );
    expect(eraseOutageMail(mail, { callIds: new Set(["CALL"]), isSender })).toBeNull();
  });

  test.each([
    [422, /^Error:\s+HTTP 422; only HTTP 200 is a success$/m],
    [302, /^Error:\s+redirect not followed \(redirect\)$/m],
  ])("has no words of the endpoint, which answered %i", (statusCode, line) => {
    const words = "No contact named Jane Doe";
    const result: OutageFacts["result"] =
      statusCode === 302
        ? { kind: "unreachable", reason: "redirect", detail: `302 ${words}:${MOBILE}, not followed (to http://jane-doe.example)` }
        : { kind: "answered", statusCode, statusMessage: `${words}:${MOBILE}`, body: "" };
    const call = { id: "CALL", response: aResponse() };
    for (const failed of [1, 3]) {
      const mail = withRejectedShare(composeOutageMail(facts({ result, call })), { accepted: 6, failed, since: STARTED_AT });
      expect(mail.text + mail.subject).toContain(words);
      const erased = eraseOutageMail(mail, { callIds: new Set(["CALL"]), isSender: () => false });
      expect(erased?.text).toMatch(line);
      expect(JSON.stringify(erased)).not.toMatch(/jane|contact/i);
    }
  });

  test("is one about a call with the longest id, which earlier versions cut, and not about one that begins like it", () => {
    const id = "a".repeat(64);
    const mail = composeOutageMail(facts({ call: { id, response: aResponse() } }));
    expect(mail.text).toContain(`Call:      ${id}\n`);
    const cut = { ...mail, text: mail.text.replace(id, `${id.slice(0, 50)}...`) };
    const isAbout = ({ text }: { text: string }, callIds: string[]) =>
      eraseOutageMail({ subject: "", text }, { callIds: new Set(callIds), isSender: () => false }) !== null;
    expect([mail, cut].map((one) => isAbout(one, ["b", id]))).toEqual([true, true]);
    const others = [id.slice(0, 50), `${"a".repeat(49)}b${"a".repeat(14)}`, id.slice(0, 63)];
    expect(isAbout(mail, others)).toBe(false);
    expect(isAbout(cut, others.slice(0, 2))).toBe(false);
  });

  test("may be one that version 0.1.0 wrote", () => {
    const folder = join(import.meta.dirname, "..", "..", "fixtures", "0.1.0", "mail");
    const texts = readdirSync(folder).map((name) =>
      readFileSync(join(folder, name), "utf8").split("\r\n\r\n").slice(1).join("\n\n"),
    );
    const erased = texts.map((text) =>
      eraseOutageMail(
        { subject: "", text: text.replaceAll("\r\n", "\n") },
        { callIds: new Set(), isSender: (word) => word === "61491570102" },
      ),
    );
    const [only] = erased.filter((mail) => mail !== null);
    expect([
      erased.length,
      only?.text.includes("From:      (erased)\n"),
      only?.text.match(/reply 2|Person 2|rehearsed|Service Unavailable|Internal/),
    ]).toEqual([2, true, null]);
  });
});
