/** A list is read by the fields of the bodies in it. */
import { createHash } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import { readSeenList, type SeenLine } from "../../../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../../../src/wire/delivery-request.js";
import { BODY_NAMES } from "../../../../src/wire/delivery-settings.js";
import { readResponse } from "../../../../src/wire/json/response-json.js";
import { aResponse } from "../../../support/builders.js";

const MESSAGE = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";
const MINUTE = Date.UTC(2026, 10, 24, 9, 30) / 60_000;

const keyOf = (content: string): string => createHash("sha256").update(content, "utf16le").digest("base64");

function aLine(over: Partial<SeenLine>): SeenLine {
  const nothing = { callId: null, messageId: null, id: null, kind: null, minute: null, content: null };
  const nobody = { mobile: null, email: null, mri: null, voice: null, name: null, from: null, otherSender: null };
  return {
    line: 1,
    ...nothing,
    ...nobody,
    values: expect.any(Array),
    arrivals: expect.any(Array),
    refusals: [],
    parts: [],
    hasWebhookId: expect.any(Boolean),
    ...over,
  };
}

const FROM_BODY = aLine({
  messageId: MESSAGE,
  kind: "reply",
  minute: MINUTE,
  content: keyOf("Yes"),
  mobile: "61400000001",
  name: "Ada",
});

describe("a number in a list", () => {
  const linesOf = (text: string) => readSeenList(text, "UTC").lines;

  it.each(["12.10", "12.1", "1e2", "1E2", "100", "2026.10", "1.0", "-0", "0.0000001", "0.5", "9007199254740991"])(
    "is an id as it is written: %s",
    (id) => {
      expect(linesOf(`{"callid": ${id} }`)[0]?.callId).toBe(id);
      expect(linesOf(`{"messageid":${id}}`)[0]?.messageId).toBe(linesOf(`{"messageid":"${id}"}`)[0]?.messageId);
    },
  );

  it.each(["9007199254740993", "20261201071500104", "12345678901234567890"])("may be another id rounded: %s", (id) => {
    for (const name of ["callid", "webhook-id", "messageid"])
      expect(() => linesOf(`{"callid":"a1"}\n{"content":"x${id}","${name}": ${id} }`)).toThrow(
        `line 2 can't be read: its ${name.replace("-", "")} is the number ${id}, which programs round`,
      );
    expect(linesOf(`{"callid":"${id}"}`)[0]?.callId).toBe(id);
  });

  it("may be one that a spreadsheet has rounded, if all such ids are round", () => {
    const message =
      "line 2 can't be read: its callid is 2026120107150000: a spreadsheet keeps 15 digits, and writes zeros for others";
    const rounded = "callid\n2026120107150000\nshort-1\n20261201071500100\n";
    expect(() => linesOf(rounded)).toThrow(message);
    expect(() => linesOf("2026120107150000\n")).toThrow("line 1 can't be read: its id is 2026120107150000: ");
    expect(linesOf(`${rounded}2026120107150001\n`)).toHaveLength(4);
    expect(readSeenList(rounded, "UTC", { ignored: new Set(["callid"]) }).read).toBe(3);
  });

  it("says that its line was received, though it has decimals", () => {
    expect(linesOf('{"callid":"a1","status":200.0,"received":1.0,"is_ok":1}').length).toBe(1);
    for (const status of ["503.0", "0.0", "200.5", "2e2"])
      expect(() => linesOf(`{"callid":"a1","status":${status}}`)).toThrow(`status=${status} on line 1 may say that`);
  });
});

describe("a list of what the receiver has", () => {
  it("may be the JSON bodies that it received, with keys in any case", () => {
    const body = deliveryBody({ contentType: "json", removeHtml: false }, aResponse());
    const other = JSON.stringify({
      MessageId: MESSAGE.toLowerCase(),
      From: { Mobile: "1" },
      ResponseMessage: { Channel: "SMS", Undeliverable: "" },
    });
    expect(readSeenList(`\uFEFF${body}\n\n${other}\n`, "UTC")).toMatchObject({
      format: "ndjson",
      read: 2,
      headings: [],
      otherIds: new Set(),
      zones: new Set([false, null]),
      lines: [FROM_BODY, aLine({ line: 3, messageId: MESSAGE, mobile: "1" })],
    });
  });

  it.each(BODY_NAMES)("may be bodies with the names %s, in JSON and in XML", (names) => {
    for (const contentType of ["json", "xml"] as const) {
      const body = deliveryBody({ contentType, removeHtml: false }, aResponse(), names);
      expect(readSeenList(`${body}\n`, "UTC").lines).toEqual([FROM_BODY]);
    }
  });

  it("takes from a sender no ids, and no second spelling of a field", () => {
    const { id: _, ...hostile } = JSON.parse(
      '{"id":1,"from":{"mobile":"61400000001","Mobile":"2","callid":"C","messageId":"M","content":"No"},"responseMessage":{"Content":"No","content":"Yes","acknowledged":"24/11/26 09:30","mobile":"3","webhook-id":"W","from":"4"}}',
    );
    const response = readResponse({ messageId: MESSAGE, ...hostile });
    const body = deliveryBody({ contentType: "json", removeHtml: false }, response);
    expect(body).toContain("webhook-id");
    expect(() => readSeenList(body, "UTC")).toThrow(
      /responsemessage\.mobile=3 on line 1, .*; responsemessage\.webhookid=W on line 1 may say that /,
    );
    expect(readSeenList(body, "UTC", { ignored: new Set(["responsemessage"]) }).lines).toEqual([
      { ...FROM_BODY, name: null, otherSender: '[["callid","C"],["content","No"],["messageid","M"]]' },
    ]);
  });

  it("may be XML bodies, of one line or of several", () => {
    const body = deliveryBody({ contentType: "xml", removeHtml: false }, aResponse());
    const undeliverable = aResponse({
      responseMessage: { channel: "SMS", kind: "undeliverable", date: "24/11/26 09:30", content: " no\r\nroute " },
    });
    const other = deliveryBody({ contentType: "xml", removeHtml: false }, undeliverable).replaceAll("><", ">\n<");
    const list = readSeenList(`${body}\n${other}\n`, "UTC");
    expect([list.format, list.read]).toEqual(["xml", 2]);
    const content = keyOf("no route");
    expect(list.lines).toEqual([FROM_BODY, { ...FROM_BODY, line: 2, kind: "undeliverable", content }]);
  });

  it("may be CSV with a header, commas or semicolons, and quoted line feeds", () => {
    const rows = `message_id,From,"Content",acknowledged\n${MESSAGE},ada@example.com,"one\ntwo",24/11/26 09:30\n${MESSAGE},,,\n`;
    expect(readSeenList(rows, "UTC", { ignored: new Set(["from", "content", "acknowledged"]) })).toMatchObject({
      format: "csv",
      read: 2,
      headings: [],
      otherIds: new Set(),
      zones: new Set([false]),
      lines: [
        aLine({
          line: 2,
          messageId: MESSAGE,
          from: "ada@example.com",
          content: keyOf("one two"),
          kind: "reply",
          minute: MINUTE,
        }),
        aLine({ line: 4, messageId: MESSAGE }),
      ],
    });
    expect(readSeenList(`callid;x\n${MESSAGE};1\n`, "UTC", { ignored: new Set("x") }).lines).toEqual([
      aLine({ line: 2, callId: MESSAGE }),
    ]);
    expect(readSeenList(`callid\n${MESSAGE}\n`, "UTC").lines).toEqual([aLine({ line: 2, callId: MESSAGE })]);
  });

  const contentsOf = (...contents: readonly string[]) => {
    const rows = contents.map((content) => `${MESSAGE}\t${content}\n`).join("");
    return readSeenList(`messageid\tcontent\n${rows}`, "UTC").lines.map(({ line, content }) => [line, content]);
  };

  it("may be TSV of a database, where a quote is a character, and a line break is escaped", () => {
    expect(contentsOf('"Yes', "OK", "two\\nlines", "C:\\\\x")).toEqual([
      [2, keyOf("Yes")],
      [3, keyOf("OK")],
      [4, keyOf("two lines")],
      [5, keyOf("C: x")],
    ]);
    expect(contentsOf('say "yes"', '"Yes"', '"')).toEqual([
      [2, keyOf("say yes")],
      [3, keyOf("Yes")],
      [4, keyOf("")],
    ]);
    expect(
      readSeenList(`callid\tmessageid\tcontent\n\\N\t${MESSAGE}\t\\N\n`, "UTC", { ignored: new Set(["callid", "content"]) })
        .lines,
    ).toEqual([aLine({ line: 2, messageId: MESSAGE })]);
  });

  it("may be TSV of a spreadsheet, where a value with a quote, a tab or a line break is quoted", () => {
    expect(contentsOf('"say ""yes"""', '"two\nlines"', '"a\tb"', "OK")).toEqual([
      [2, keyOf("say yes")],
      [3, keyOf("two lines")],
      [5, keyOf("a b")],
      [6, keyOf("OK")],
    ]);
    expect(readSeenList(`"messageid"\t"content"\n"${MESSAGE}"\t"Yes"\n`, "UTC").lines).toEqual([
      aLine({ line: 2, messageId: MESSAGE, content: keyOf("Yes") }),
    ]);
  });

  it("may be bare ids, with or without quotes, as senders choose them", () => {
    const ids = `\n"${MESSAGE.toLowerCase()}"\n\n0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\n00ff\norder-17\n'a.b/c:d'\nnull-1\n`;
    expect(readSeenList(ids, "UTC")).toMatchObject({
      format: "ids",
      read: 6,
      headings: [{ line: 7, name: "id", id: "a.b/c:d" }],
      otherIds: new Set(),
      zones: new Set(),
      lines: [
        aLine({ line: 2, id: MESSAGE.toLowerCase() }),
        aLine({ line: 4, id: "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" }),
        aLine({ line: 5, id: "00ff" }),
        aLine({ line: 6, id: "order-17" }),
        aLine({ line: 7, id: "a.b/c:d" }),
        aLine({ line: 8, id: "null-1" }),
      ],
    });
  });

  it("may be a table of a database, whose NULL is no value", () => {
    expect(
      readSeenList(`messageid,content,from\n${MESSAGE},Null,NULL\n`, "UTC", { ignored: new Set(["content", "from"]) }).lines,
    ).toEqual([aLine({ line: 2, messageId: MESSAGE })]);
    expect(() => readSeenList("messageid,callid\nNULL,null\n", "UTC")).toThrow("neither a call id nor a message id");
  });

  it("has nothing that isn't compared if it has bodies as they are delivered", () => {
    const response = aResponse({ customParameters: { state: "rejected" } });
    for (const contentType of ["json", "xml"] as const)
      for (const names of BODY_NAMES)
        expect(readSeenList(deliveryBody({ contentType, removeHtml: false }, response, names), "UTC").read).toBe(1);
  });

  it.each([
    ["status", 200],
    ["statusCode", "204 No Content"],
    ["status", "HTTP/1.1 200 OK"],
    ["status", "Received "],
    ["delivery_status", "delivered"],
    ["state", true],
    ["accepted", 1],
    ["received", "t"],
    ["received_at", "24/11/26 09:30"],
    ["deliveredAt", 1_795_512_600],
    ["delivered_time", 1_795_512_600_000],
    ["Received (UTC)", "2026-11-24 09:30:00"],
    ["Received?", "yes"],
    ["status.code", 200],
    ["result", "OK"],
    ["httpRequest", { status: 200 }],
    ["received_at", "2010-01-01T00:00:00Z"],
    ["was_received", "yes"],
    ["received_time_utc", "2026-11-24T09:30:00Z"],
    ["is_acknowledged", true],
    ["webhookStatus", "done"],
    ["res", { status: { code: 200 }, ok: true }],
  ])("may say that a line was received: %s %s", (name, value) => {
    const { lines } = readSeenList(JSON.stringify({ callid: MESSAGE, [name]: value }), "UTC");
    expect(lines).toEqual([aLine({ callId: MESSAGE })]);
  });

  it("counts identical lines once", () => {
    const body = deliveryBody({ contentType: "json", removeHtml: false }, aResponse());
    const list = readSeenList(`${body}\n${body}\n${body.replace("Yes", "No")}\n`, "UTC");
    expect([list.read, list.lines.map(({ line }) => line)]).toEqual([3, [1, 3]]);
  });

  it("has dates in the given time zone, unless they name their own", () => {
    const rows = `messageid,acknowledged\n${MESSAGE},24/11/26 20:30\n${MESSAGE},2026-11-24T09:30:59Z\n`;
    const { lines, zones } = readSeenList(rows, "Australia/Sydney");
    expect(lines.map(({ minute }) => minute)).toEqual([MINUTE, MINUTE]);
    expect(zones).toEqual(new Set([false, true]));
  });

  it.each([
    ["28/11/2026 05:36 AM", "28/11/2026 5:36 pm", "28/11/2026 17:36 PM", "28/11/2026 00:36 AM", "28/11/2026, 12:36 am"],
    ["28.11.2026 05:36", "28.11.26 17:36:59", "28.11.2026 17.36", "28.11.2026 0:36", "28.11.2026 00:36:00"],
    ["2026/11/28 05:36:00", "2026/11/28 17:36", "2026-11-28 5:36 p.m.", "2026-11-28 00:36:00+00", "2026-11-28T01:36:00.5+01"],
    ["11/28/2026 5:36", "11/28/2026 5:36:00\u202fPM", "11/28/26 17:36", "11/28/26 0:36", "11-28-2026 12:36 AM"],
  ])("reads dates such as %s", (...dates) => {
    const { lines } = readSeenList(["callid\tacknowledged", ...dates.map((date, n) => `C${n}\t${date}`)].join("\n"), "UTC");
    const at = (hour: number): number => Date.UTC(2026, 10, 28, hour, 36) / 60_000;
    expect(lines.map(({ minute }) => minute)).toEqual([5, 17, 17, 0, 0].map(at));
  });

  it("has dates in the order that one of them tells, or else the flag", () => {
    const minutesOf = (dates: readonly string[], dateOrder?: "dmy" | "mdy") =>
      readSeenList(["callid;acknowledged", ...dates.map((date, n) => `C${n};${date}`)].join("\n"), "UTC", {
        dateOrder,
      }).lines.map(({ minute }) => new Date((minute ?? 0) * 60_000).toISOString().slice(0, 10));
    expect(minutesOf(["5/11/2026 9:30", "28/11/2026 9:30"])).toEqual(["2026-11-05", "2026-11-28"]);
    expect(minutesOf(["11/5/2026 9:30", "11/28/2026 9:30"])).toEqual(["2026-11-05", "2026-11-28"]);
    for (const clear of ["05/11/26 09:30", "05.11.2026 09:30", "5.11.26 9:30"])
      expect(minutesOf([clear])).toEqual(["2026-11-05"]);
    expect(minutesOf(["11/11/2026 9:30"])).toEqual(["2026-11-11"]);
    for (const open of ["05/11/2026 09:30", "5/11/26 9:30", "05-11-2026 09:30", "05/11/26 09:30 AM"]) {
      expect(() => minutesOf(["2026-11-05 09:30", open])).toThrow(
        `line 3 can't be read: "${open}" may have the day or the month first`,
      );
      expect(minutesOf([open], "dmy")).toEqual(["2026-11-05"]);
      expect(minutesOf([open], "mdy")).toEqual(["2026-05-11"]);
    }
    expect(minutesOf(["05/11/26 09:30"], "mdy")).toEqual(["2026-05-11"]);
    expect(() => minutesOf(["28/11/2026 9:30", "11/28/2026 9:30"])).toThrow(
      "line 3 can't be read: \"11/28/2026 9:30\" isn't a date with the day first",
    );
    expect(() => minutesOf(["28/11/2026 9:30"], "mdy")).toThrow('"28/11/2026 9:30" isn\'t a date with the month first');
  });

  it("has the platform's dates of bodies with the day first, and others in the order that one of them tells", () => {
    const minutesOf = (...dates: readonly string[]) =>
      readSeenList(dates.map((acknowledged, n) => JSON.stringify({ callid: `C${n}`, acknowledged })).join("\n"), "UTC").lines.map(
        ({ minute }) => minute,
      );
    const minute = Date.UTC(2026, 10, 5, 9, 30) / 60_000;
    expect(minutesOf("05/11/2026 09:30", "05/11/26 09:30")).toEqual([minute, minute]);
    expect(minutesOf("11/5/2026 9:30:00 AM", "11/28/2026 9:30:00 AM")[0]).toBe(minute);
    expect(() => minutesOf("11/5/2026 9:30:00 AM")).toThrow(
      'line 1 can\'t be read: "11/5/2026 9:30:00 AM" may have the day or the month first',
    );
    expect(() => minutesOf("05/11/2026 09:30", "11/28/2026 09:30")).toThrow(
      "line 2 can't be read: \"11/28/2026 09:30\" isn't a date with the day first",
    );
  });

  describe("with names of its own", () => {
    const fieldNames = new Map([
      ["msgref", "messageid"],
      ["msisdn", "mobile"],
    ]);
    const line = aLine({ messageId: MESSAGE, mobile: "61400000001" });

    it("may be a table of several columns or one, or bodies", () => {
      const options = { fieldNames, ignored: new Set(["mobile"]) };
      const table = readSeenList(`Msg Ref;MSISDN;mobile\n${MESSAGE};61400000001;61400000002\n`, "UTC", options);
      expect(table).toMatchObject({ lines: [{ ...line, line: 2 }] });
      const body = JSON.stringify({ msgRef: MESSAGE, msisdn: 61400000001, from: { mobile: "61400000002" } });
      expect(readSeenList(body, "UTC", options)).toMatchObject({ lines: [line] });
      expect(() => readSeenList(body, "UTC", { fieldNames })).toThrow(
        "columns that aren't compared: mobile=61400000002 on line 1",
      );
      const [onlyId] = fieldNames;
      expect(readSeenList(`MsgRef\n${MESSAGE}\n`, "UTC", { fieldNames: new Map([onlyId ?? ["", ""]]) }).lines).toEqual([
        aLine({ line: 2, messageId: MESSAGE }),
      ]);
    });

    it.each([`MsgRef,phone\n${MESSAGE},1\n`, `{"MsgRef":"${MESSAGE}"}`, "order-17\n"])("must have all of them: %j", (text) => {
      expect(() => readSeenList(text, "UTC", { fieldNames })).toThrow(/^--map: the list has no (?:msgref, )?msisdn$/);
    });

    it.each([
      ["order-17\n", "it has none"],
      ['{"callid":"C","from":{"whatsapp":"1"},"text":"x"}', "it has callid, text, from"],
      ["callid;Text\nC;x\n", "it has callid, Text"],
    ])("must have them, or says what it has: %j", (text, hint) => {
      const unknown = new Map([["id", "messageid"]]);
      expect(() => readSeenList(text, "UTC", { fieldNames: unknown })).toThrow(
        expect.objectContaining({ code: "usage", message: "--map: the list has no id", hint }),
      );
    });

    it("must say that it was received as under any other name", () => {
      const received = new Map([["receivedat", "acknowledged"]]);
      const rows = (date: string) => () => readSeenList(`callid,received_at\nC,${date}\n`, "UTC", { fieldNames: received }).lines;
      expect(rows("28.11.2026 05:36")).not.toThrow();
      expect(rows("")).toThrow("receivedat=(empty) on line 2 may say that the line wasn't received");
      expect(rows("01.01.0001 00:00")).toThrow("receivedat=01.01.0001 00:00 on line 2 may say that ");
    });
  });

  it("has values without the spaces around them", () => {
    const body = { callid: "C", messageid: " ", from: { mobile: " 61400000001 ", name: " Ada " } };
    const reply = { acknowledged: " 11/28/2026 09:30 ", content: "Yes" };
    const list = `${JSON.stringify({ ...body, responseMessage: reply })}\n \r\n`;
    const minute = Date.UTC(2026, 10, 28, 9, 30) / 60_000;
    expect(readSeenList(list, "UTC").lines).toEqual([
      aLine({ callId: "C", kind: "reply", minute, content: keyOf("Yes"), mobile: "61400000001", name: "Ada" }),
    ]);
    expect(readSeenList('callid,mobile\n" C "," 1 "\n\nD, null \n', "UTC", { ignored: new Set(["mobile"]) }).lines).toEqual([
      aLine({ line: 2, callId: "C", mobile: "1" }),
      aLine({ line: 4, callId: "D" }),
    ]);
  });

  it("is CSV with the separator that its first line has more of, outside of quotes", () => {
    const linesOf = (text: string, ...ignored: readonly string[]) =>
      readSeenList(text, "UTC", { ignored: new Set(ignored) }).lines;
    expect(linesOf(`\n\nmessageid;content\n${MESSAGE};Yes\n`)).toEqual([
      aLine({ line: 4, messageId: MESSAGE, content: keyOf("Yes") }),
    ]);
    expect(linesOf(`messageid,content\n${MESSAGE},a;b;c;d\n`)).toEqual([
      aLine({ line: 2, messageId: MESSAGE, content: keyOf("a;b;c;d") }),
    ]);
    expect(linesOf(`"messageid","a;b;c"\n${MESSAGE},1\n`, "a;b;c")).toEqual([aLine({ line: 2, messageId: MESSAGE })]);
    expect(linesOf("callid\norder;1\n")).toEqual([aLine({ line: 2, callId: "order;1" })]);
  });

  it("may begin with a type, which PowerShell writes, but keeps such a text elsewhere", () => {
    const list = `#TYPE System.Object\nmessageid,content\n${MESSAGE},see #TYPE 5\n`;
    expect(readSeenList(list, "UTC").lines).toEqual([aLine({ line: 3, messageId: MESSAGE, content: keyOf("see #TYPE 5") })]);
    expect(readSeenList(`messageid,content\n${MESSAGE},see #TYPE 5\n`, "UTC").lines).toEqual([
      aLine({ line: 2, messageId: MESSAGE, content: keyOf("see #TYPE 5") }),
    ]);
  });

  it("has an id that isn't a message's only where that is all", () => {
    expect(readSeenList(`id,messageid\n5,${MESSAGE}\n`, "UTC").lines).toEqual([aLine({ line: 2, messageId: MESSAGE })]);
  });

  it("has the platform's dates in XML bodies too, and no numbers that a spreadsheet has shortened", () => {
    const parts = "<callid>1E+31</callid><acknowledged>05/11/2026 09:30</acknowledged>";
    const minute = Date.UTC(2026, 10, 5, 9, 30) / 60_000;
    expect(readSeenList(`<deliveryResponse>${parts}</deliveryResponse>`, "UTC").lines).toEqual([
      aLine({ callId: "1E+31", kind: "reply", minute }),
    ]);
  });

  it.each(["order-1E+10", "1E+10x", "order-1234567.0", "1234567.0x", "1234567.5", "123.0"])("may have the call id %s", (id) => {
    expect(readSeenList(`callid,content\n${id},6.14587E+10\n`, "UTC").lines).toEqual([
      aLine({ line: 2, callId: id, content: keyOf("6.14587E+10") }),
    ]);
  });

  it("has names of at most 200 characters", () => {
    const list = JSON.stringify({ callid: "C", ["x".repeat(1000)]: 1 });
    expect(() => readSeenList(list, "UTC")).toThrow(/: x{200}=1 on line 1$/);
  });

  it("may be empty", () => {
    expect(readSeenList("\n \n", "UTC")).toMatchObject({
      format: "ids",
      read: 0,
      lines: [],
      headings: [],
      otherIds: new Set(),
      zones: new Set(),
    });
  });
});

it("says what a list may be where a line can't be read", () => {
  expect(() => readSeenList("order 17\n", "UTC")).toThrow(
    expect.objectContaining({
      code: "malformed",
      hint: expect.stringMatching(/^--seen takes NDJSON or XML bodies, .*; known names are messageid, .*; nothing was done$/),
    }),
  );
  const dateOf = (date: string) => () => readSeenList(`callid,acknowledged\nC,${date}\n`, "UTC");
  expect(dateOf("31/02/26 10:00")).toThrow(/isn't a date$/);
  expect(dateOf("5/11/2026 10:00")).toThrow(
    expect.objectContaining({ hint: "--date-order dmy or mdy says which comes first; nothing was done" }),
  );
  expect(() => readSeenList("callid\n1E+31\n", "UTC")).toThrow(
    expect.objectContaining({ hint: "format the column as text, and export it again; nothing was done" }),
  );
});

it("shows the beginning of what can't be read", () => {
  const long = "x".repeat(10_000);
  expect(() => readSeenList(`${"a,".repeat(1000)}b\n`, "UTC")).toThrow(/^.{150,600}$/);
  expect(() => readSeenList(JSON.stringify({ callid: "C", status: long }), "UTC")).toThrow(/^status=x{40} on line 1 may /);
});

it.each([
  ...['"status":503,"status":200', '"a":[{"b":1,"c":"\\":","b":2}]', '"\\u0078":1,"x":2'].map(
    (members) => `{"callid":"C",${members}}\n`,
  ),
  ...[
    "REJECTED 503 <callid>C</callid>",
    "<callid>C</callid> not stored",
    "<callid>C</callid><from><mobile>1</mobile>rejected</from>",
    "<callid>C</callid><![CDATA[rejected]]>",
    "<callid>C</callid><?status 503?>",
    "<callid>C</callid><!-- rejected -->",
    "<callid status='503'>C</callid>",
    "<callid>C</callid><x status='503'/>",
  ].map((content) => `<deliveryResponse>${content}</deliveryResponse>\n`),
  "<!-- rejected --><deliveryResponse><callid>C</callid></deliveryResponse>\n",
  '<deliveryResponse status="503" xmlns="http://x"><callid>C</callid></deliveryResponse>\n',
])("reads no line with something that wouldn't be looked at: %s", (list) => {
  expect(() => readSeenList(list, "UTC")).toThrow(/^line 1 can't be read: it isn't a /);
});

it("reads names and elements that repeat elsewhere, namespaces and sections of text", () => {
  const json = '{"callid":"C","content":"a\\":\\"","x":{"content":": 1"},"y":[{"a":1},{"a":":"}]}\n';
  const ignored = new Set(["x", "y"]);
  expect(readSeenList(json, "UTC", { ignored }).lines).toHaveLength(1);
  const xml = `<?xml version="1.0"?>\n<ns2:deliveryResponse xmlns:ns2="http://x" xmlns='http://y'>\n  <callid>C</callid>
  <content><![CDATA[<!-- x="1" -->]]> = </content><mobile/>\n</ns2:deliveryResponse>\n`;
  expect(readSeenList(xml, "UTC", { ignored: new Set(["mobile"]) }).lines).toHaveLength(1);
  const nested = JSON.stringify({ callid: "C", body: '{"callid":"C","status":503,"status":200}' });
  expect(() => readSeenList(nested, "UTC")).toThrow(/body=\{"callid":"C","status":503,/);
});

test.each([
  ["psql: error: connection refused\n", "line 1 can't be read: it isn't an id"],
  [`${MESSAGE}\nNULL\n`, "line 2 can't be read: it isn't an id"],
  [`{"messageid":"${MESSAGE}","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "line 1 can't be read: it isn't a JSON object"],
  ["order-17\norder-\u001b[1m18\n", "line 2 can't be read: it isn't an id"],
  ["order-17\norder-\ufeff18\n", "line 2 can't be read: it isn't an id"],
  ['order-17\nx"y"\n', "line 2 can't be read: it isn't an id"],
  ['order-17\n"y"x\n', "line 2 can't be read: it isn't an id"],
  ...["null", "5", '"A"'].map((line): [string, string] => [
    `{"messageid":"${MESSAGE}"}\n${line}\n`,
    "line 2 can't be read: it isn't a JSON object",
  ]),
  ['{"from":{"whatsapp":"1"},"text":"x"}', "line 1 can't be read: it has neither a call id nor a message id, only text"],
  [
    "<deliveryResponse>\n<callid>A</callid></deliveryResponse>\n\n<x/>",
    "line 4 can't be read: it isn't a deliveryResponse document",
  ],
  ['messageid,"content\nA,b\n', "line 1 can't be read: a quote isn't closed"],
  ['messageid\tcontent\nA\t"x\nB\n', "line 3 can't be read: it has 1 value, the header has 2 columns"],
  ["callid,x\n12E+10,1\n", "line 2 can't be read: its callid is 12E+10: the spreadsheet has shortened a number"],
  ["callid,x\n1234567.00,1\n", "line 2 can't be read: its callid is 1234567.00: a program has read it"],
  ["order-17\n\u200border-18\n", "line 2 can't be read: it isn't an id"],
  [Buffer.from("order-17\n", "utf16le").toString(), "line 1 can't be read: it isn't an id"],
  [Buffer.from([0x61, 0xff]).toString(), "line 1 can't be read: it isn't an id"],
  [`{"messageid":"${MESSAGE}"}\n{"messageid":\n`, "line 2 can't be read: it isn't a JSON object"],
  [`{"messageid":"${MESSAGE}","status":"FAILED"}\n`, "status=FAILED on line 1 may say that the line wasn't received"],
  [
    `{"messageid":"${MESSAGE}","status":200}\n{"messageid":"${MESSAGE}","status":503}\n`,
    "status=503 on line 2 may say that the line wasn't received",
  ],
  ...[
    ["status", "Failed "],
    ["callStatus", "FAILED"],
    ["call status", "pending"],
    ["responseStatus", 503],
    ["http_status_code", "503 Service Unavailable"],
    ["state", "rejected"],
    ["status", "undelivered"],
    ["success", false],
    ["accepted", "f"],
    ["status", null],
    ["status", "dropped"],
    ["status", "HTTP 503"],
    ["status", "FAILED_PERMANENTLY"],
    ["upstream_status", "502, 200"],
    ["status", 0],
    ["status", 1],
    ["status", false],
    ["state", "2026-11-24T09:30:00Z"],
    ["ok", ""],
    ["is_received", false],
    ["received_at", null],
    ["received at", "0000-00-00 00:00:00"],
    ["delivered_at", "0001-01-01T00:00:00Z"],
    ["delivered_at", "1970-01-01T00:00:00.000Z"],
    ["delivered_at", "9999-12-31T23:59:59Z"],
    ["received", "000000000"],
    ["received_date", ""],
    ["received on", null],
    ["delivered_time", ""],
    ["received", "2000-01-01"],
    ["processed_at", "2099-12-31"],
    ["status", "200 rejected"],
    ["status_text", "207 Multi-Status"],
    ["http_code", 503],
    ["error", "timeout"],
    ["rejected", 1],
    ["Received?", "no"],
    ["Received?", ""],
    ["delivered (y/n)", "n"],
    ["status.code", 503],
    ["Status:", "failed"],
    ["result", "failed"],
    ["code", 503],
    ["state_name", "FAILED"],
    ["receivedFlag", "N"],
    ["not_received", true],
    ["errorSummary", "x"],
    ["err", "timeout"],
    ["comment", "Rejected"],
    ["comment", " failed "],
    ["request", "HTTP/2 503"],
    ["request", " HTTP/1.1 503 Service Unavailable"],
    ["response", " 503 "],
    ["received_at", "2100-01-01T00:00:00Z"],
    ["event", "webhook.rejected"],
    ["type", "delivery_failed"],
    ["queue", "dead-letter"],
    ["msg", "could not store: disk full"],
    ["msg", "unable to store"],
    ["dropped", true],
    ["signature_valid", false],
    ["invalid", "yes"],
    ["request", "HTTP/1.1 503 Service Unavailable"],
    ["failed_at", "2026-11-24T09:30:00Z"],
    ["crm_received", false],
    ["message_received", 0],
    ["received_by_crm", "no"],
    ["crm_received_at", ""],
    ["delivered_to_crm_at", ""],
    ["imported_at", ""],
    ["seen", false],
    ["never_received", true],
    ["not_yet_delivered", true],
    ["unsuccessful", true],
  ].map(([name, value]): [string, string] => [
    `${JSON.stringify({ messageid: MESSAGE, [String(name)]: value })}\n`,
    `${String(name).toLowerCase().replace(/[ _]/g, "")}=${String(value ?? "").trim() || "(empty)"} on line 1 may say that the line wasn't received`,
  ]),
  ...[
    ["res", { statusCode: 503 }, "res.statuscode is 503"],
    ["httpRequest", { requestMethod: "POST", status: 503 }, "httprequest.status is 503"],
    ["attributes", { http: { response: { status_code: 500 } } }, "attributes.http.response.statuscode is 500"],
    ["attempts", [{ status: 503 }], "attempts.0.status is 503"],
    ["response", 503, "response is 503"],
    ["res", { response: 503 }, "res.response is 503"],
    ["res", { ok: false }, "res.ok is false"],
    ["res", { code: 503 }, "res.code is 503"],
    ["res", { err: "timeout" }, "res.err is timeout"],
    ["crm", { seen: false }, "crm.seen is false"],
    ["crm", { acknowledged: false }, "crm.acknowledged is false"],
    ["crm", { note: "failed" }, "crm.note is failed"],
    ["attempts", ["failed"], "attempts.0 is failed"],
  ].map(([name, value, text]): [string, string] => [
    `${JSON.stringify({ messageid: MESSAGE, [String(name)]: value })}\n`,
    `${String(text).replace(" is ", "=")} on line 1 may say that the line wasn't received`,
  ]),
  [`messageid,Status\n${MESSAGE},delivered\n${MESSAGE},pending\n`, "status=pending on line 3 may"],
  [`callid,status\n${MESSAGE},200\n${MESSAGE},NULL\n`, "status=NULL on line 3 may"],
  [`callid\treceived\n${MESSAGE}\tt\n${MESSAGE}\t\\N\n`, "received=\\N on line 3 may"],
  [`callid,delivered_at\n${MESSAGE},\n`, "deliveredat=(empty) on line 2 may"],
  [`{"messageid":"${MESSAGE}","acknowledged":false}\n`, "acknowledged.value=false on line 1 may say that"],
  [`{"messageid":"${MESSAGE}","acknowledged":"no"}\n`, "line 1 can't be read: \"no\" isn't a date"],
  [`{"messageid":"${MESSAGE}"}\n[]\n`, "line 2 can't be read: it isn't a JSON object"],
  [`order-17\norder-18,order-19\n`, "line 2 can't be read: it isn't an id"],
  [`{"from":{"mobile":"1"}}\n`, "line 1 can't be read: it has neither a call id nor a message id"],
  [`messageid,callid,content\n${MESSAGE},,\n,,yes\n`, "line 3 can't be read: it has neither a call id nor a message id"],
  [`messageid,from\n${MESSAGE}\n`, "line 2 can't be read: it has 1 value, the header has 2 columns"],
  [
    `messageid,content\n${MESSAGE},yes\n${MESSAGE},no, thanks\n`,
    "line 3 can't be read: it has 3 values, the header has 2 columns",
  ],
  [
    `\nmessageid,content\n${MESSAGE},"two\nlines"\n${MESSAGE},"no\n${MESSAGE},yes\n`,
    "line 5 can't be read: a quote isn't closed",
  ],
  [
    `messageid,content\n${MESSAGE},say "yes"\n`,
    "line 2 can't be read: a quote inside a value must be doubled, and the value quoted",
  ],
  [
    `messageid,content\n${MESSAGE},"say "yes""\n`,
    "line 2 can't be read: a quote inside a value must be doubled, and the value quoted",
  ],
  [
    `callid,content\nA-1,"two\nlines, A-2"\nA-2,"no\nA-3,yes\nA-4,ok"\nA-5,"yes"\n`,
    "line 4 can't be read: a quoted value takes in line 5, which looks like a row",
  ],
  [
    `content;n;callid\r\n"two\r\nA-3;0;A-x";1;A-1\r\n"no;2;A-2\r\nyes;3;A-3\r\nok";4;A-4\r\n`,
    "line 4 can't be read: a quoted value takes in line 5, which looks like a row",
  ],
  [`callid\nA-1\n"A-2\nA-3\nA-4"\n`, "line 3 can't be read: a quoted value takes in line 4, which looks like a row"],
  [
    `\nmessageid\tcontent\n${MESSAGE}\tno\n${MESSAGE}\t"Yes\n${MESSAGE}\tOK"\n`,
    "line 4 can't be read: a value begins with a quote that may take in the next lines; export CSV instead",
  ],
  [`messageid\tcontent\n${MESSAGE}\n`, "line 2 can't be read: it has 1 value, the header has 2 columns"],
  [`from,content\n1,yes\n`, "line 1 can't be read: none of its columns is messageid or callid: from, content"],
  [`messageid,acknowledged\n${MESSAGE},31/02/26 10:00\n`, "line 2 can't be read: \"31/02/26 10:00\" isn't a date"],
  [`{"messageid":"${MESSAGE}"}\n{"messageid":"A","messageId":"B"}`, "line 2 can't be read: it has two different message ids"],
  [`messageid,content,Message ID\nA,yes,A\nA,no,B\n`, "line 3 can't be read: it has two different message ids"],
  [`{"callid":"A","webhook-id":"B"}`, "line 1 can't be read: it has two different call ids"],
  ["MsgRef;msisdn\n1;2\n", "line 1 can't be read: none of its columns is messageid or callid: MsgRef, msisdn"],
  [`messageid|content\n${MESSAGE}|Yes\n`, "none of its columns is messageid or callid: messageid|content"],
  ['{"MsgRef":"1","msisdn":2}', "line 1 can't be read: it has neither a call id nor a message id, only msgref, msisdn"],
  [`[{"messageid":"${MESSAGE}"}]`, "line 1 can't be read: it isn't a JSON object (jq -c writes one per line)"],
  [
    `messageid,mobile,Mobile__c\n${MESSAGE},1,2\n`,
    "line 1 can't be read: two of its columns are mobile: messageid, mobile, Mobile__c",
  ],
  [`Message_Id__c,Received_At__c\n${MESSAGE},\n`, "receivedat=(empty) on line 2 may"],
  [
    `messageid,mobile\n${MESSAGE},61491570001.0\n`,
    "line 2 can't be read: its mobile is 61491570001.0: a program has read it as a number with decimals",
  ],
  ["webhookId_s,statusCode_d\nC1,503\n", "statuscode=503 on line 2 may"],
  ["webhookId,Received__pc\nC1,false\n", "received=false on line 2 may"],
  ...["6.14587E+10", "6,14587E+10", "1E+31"].flatMap((number): [string, string][] => [
    [
      `messageid;mobile\n${MESSAGE};${number}\n`,
      `line 2 can't be read: its mobile is ${number}: the spreadsheet has shortened a number`,
    ],
    [`messageid\tcontent\n${number}\tYes\n`, `line 2 can't be read: its messageid is ${number}: `],
    [`order-17\n${number.replace(",", ".")}\n`, `line 2 can't be read: its id is ${number.replace(",", ".")}: `],
  ]),
  ["callid\tacknowledged\nC\t28/11/2026 17:36 AM\n", '"28/11/2026 17:36 AM" isn\'t a date'],
  ["callid\tacknowledged\nC\t28/11/2026 00:36 PM\n", '"28/11/2026 00:36 PM" isn\'t a date'],
  ["callid\tacknowledged\nC\t28.11.2026\n", '"28.11.2026" isn\'t a date'],
  [`<a/>\n`, "line 1 can't be read: it isn't a deliveryResponse document"],
  [`<deliveryResponse>\n<messageid>A</messageid>`, "line 1 can't be read: it isn't a deliveryResponse document"],
])("%j is rejected", (text, message) => {
  expect(() => readSeenList(text, "UTC")).toThrow(message);
});
