/** A list of what was rejected must not pass as one of what was received, whatever its columns are called. */
import { describe, expect, it, test } from "vitest";
import { readSeenList } from "../../../../src/runs/plan/seen-list.js";

const MESSAGE = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";
const line = (fields: object): string => `${JSON.stringify({ "webhook-id": MESSAGE, ...fields })}\n`;
const read = (text: string, ...ignored: readonly string[]) => readSeenList(text, "UTC", { ignored: new Set(ignored) });
const thrownBy = (text: string, ...ignored: readonly string[]): { message: string; hint: string } => {
  try {
    read(text, ...ignored);
  } catch (error) {
    return error as { message: string; hint: string };
  }
  throw new Error(`it was read: ${text}`);
};

test.each([
  ["webhook_id,http_response\no1,503\n", "httpresponse=503 on line 2"],
  ["webhook_id,note\no1,x\no2,\n", "note=(empty) on line 3, x on line 2"],
  ["webhook_id,\no1,0\n", "unnamed=0 on line 2"],
  ["webhook_id,errcode\no5,40001\n", "errcode=40001 on line 2"],
  [line({ level: "err" }), "level=err on line 1"],
  [line({ not_received: false }), "notreceived=false on line 1"],
  [line({ exception: null }), "exception=(empty) on line 1"],
  [line({ response: { body: '{"error":"no such inbox"}' } }), "response.body.error=no such inbox on line 1"],
  [line({ response: "<answer><code>503</code></answer>" }), "response.code=503 on line 1"],
  [line({ res: { results: [{ saved: 0 }] } }), "res.results.0.saved=0 on line 1"],
  [line({ crm: { acknowledged: false } }), "crm.acknowledged=false on line 1"],
  [line({ crm: { messageid: MESSAGE, acknowledged: false } }), "crm.acknowledged=false on line 1"],
  [line({ error: { name: "TimeoutError" } }), "error.name=TimeoutError on line 1"],
  [line({ responseMessage: { code: 503 } }), "responsemessage.code=503 on line 1"],
  [line({ custom_parameters: false }), "customparameters=false on line 1"],
  ["messageid,response_message\nM1,503\n", "responsemessage=503 on line 2"],
  [line({ log: { messageid: MESSAGE, location: "dead-letter" } }), "log.location=dead-letter on line 1"],
  [line({ upstream_status: "502, 200" }), "upstreamstatus=502, 200 on line 1"],
  [line({ request: { callid: "another" } }), "request.callid=another on line 1"],
  [line({ payload: { messageid: "another" } }), "payload.messageid=another on line 1"],
])("%j may say that a line wasn't received", (text, message) => {
  expect(thrownBy(text)).toMatchObject({
    code: "malformed",
    message: expect.stringContaining(`${message} may say that the line wasn't received`),
    hint: expect.stringMatching(/^give only the lines that were received; /),
  });
});

test.each([
  { to_be_delivered: true },
  { expected_delivery_at: "2026-11-29T18:05:00Z" },
  { delivered_to_dlq: true },
  { received_by_proxy: "yes" },
  { crm_received: true },
  { retry_status: "accepted" },
  { dlq: { status: "stored" } },
  { attempts: [{ status: 200 }] },
  { event: "webhook.received" },
  { response: "<html" },
  { query: {} },
  { tags: [] },
  { note: "[x" },
])("%j says nothing of its line", (fields) => {
  expect(thrownBy(line(fields)).message).toMatch(/^the list has columns that aren't compared: \S+=.* on line 1/);
});

const BODY = {
  messageid: MESSAGE,
  from: { name: "Error", mobile: "61491570101" },
  responseMessage: { channel: "SMS", acknowledged: "29/11/26 18:18", content: "failed" },
  customParameters: { state: "rejected", paid: "false" },
  messageLocation: { name: "dead-letter" },
  location: null,
};
const FLAT = { messageid: MESSAGE, mobile: "61491570101", acknowledged: "29/11/26 18:18", content: "failed" };
const XML_BODY = `<deliveryResponse><messageid>${MESSAGE}</messageid><from><mobile>61491570101</mobile></from><responseMessage><acknowledged>29/11/26 18:18</acknowledged><content>no</content></responseMessage></deliveryResponse>`;

it.each([BODY, FLAT, JSON.stringify(BODY), XML_BODY])("takes what a sender wrote in a body that was received: %j", (body) => {
  expect(read(line({ status: 200, request: { body } })).read).toBe(1);
  expect(read(`messageid,content,name\n${MESSAGE},my order failed,No\n`).read).toBe(1);
});

it("a location beside a body's own is the receiver's", () => {
  const location = "dead-letter/11";
  expect(thrownBy(line({ ...BODY, location })).message).toContain("location=dead-letter/11 on line 1");
  const { messageLocation: _m, ...body } = BODY;
  expect(read(line({ ...body, location })).read).toBe(1);
});

describe("beside a body or in it,", () => {
  const FIELDS = { messageId: MESSAGE, mobile: "61491570101", content: "answer 1" };
  const { content, ...WITHOUT_CONTENT } = FIELDS;
  const reply = (message: object) => ({ ...WITHOUT_CONTENT, responseMessage: { channel: "SMS", content, ...message } });

  test.each<[object, string]>([
    [
      { ...FIELDS, error: { messageId: "E100", name: "ValidationError", content: "rejected" } },
      "error.name=ValidationError on line 1",
    ],
    [{ ...FIELDS, status: { messageId: "x", content: "FAILED" } }, "status.content=FAILED on line 1"],
    [{ ...FIELDS, body: { messageId: "E100", content: "rejected" } }, "body.content=rejected on line 1"],
    [{ ...FIELDS, body: { ...BODY, messageid: "other" } }, "body.responsemessage.content=failed on line 1"],
    [{ callId: "c-1", data: { messageId: "E100", content: "rejected" } }, "data.content=rejected on line 1"],
    [{ ...FIELDS, rejected: FIELDS }, "rejected=(body) on line 1"],
    [{ ...FIELDS, deadLetter: JSON.stringify({ body: FIELDS }) }, "deadletter.body=(body) on line 1"],
    [{ callId: "c-1", log: BODY }, "log=(body) on line 1"],
    [{ ...WITHOUT_CONTENT, content: { error: "rejected" } }, "content.value.error=rejected on line 1"],
    [{ ...FIELDS, voice: false }, "voice.value=false on line 1"],
    [{ ...FIELDS, mri: { error: 1 } }, "mri.value.error=1 on line 1"],
    [{ ...FIELDS, email: ["rejected"] }, "email.value.0=rejected on line 1"],
    [{ ...FIELDS, acknowledged: { by: "nobody" } }, "acknowledged.value.by=nobody on line 1"],
    [{ callId: "c-1", messageId: false }, "messageid.value=false on line 1"],
    [{ ...FIELDS, from: false }, "from.value=false on line 1"],
    [reply({ status: 503 }), "responsemessage.status=503 on line 1"],
    [reply({ Error: { text: "not stored" } }), "responsemessage.error.text=not stored on line 1"],
    [reply({ content: { text: "answer 4" } }), "responsemessage.content.text=answer 4 on line 1"],
    [reply({ Content: ["answer 4"] }), "responsemessage.content.0=answer 4 on line 1"],
    [reply({ content: [], acknowledged: "29/11/26 18:18" }), "responsemessage.content=[] on line 1"],
    [reply({ content: false }), "responsemessage.content=false on line 1"],
    [reply({ content: true }), "responsemessage.content=true on line 1"],
    [
      reply({ acknowledged: { $date: "2026-11-29T18:18:00Z" } }),
      "responsemessage.acknowledged.$date=2026-11-29T18:18:00Z on line 1",
    ],
    [reply({ acknowledged: true }), "responsemessage.acknowledged=true on line 1"],
    [reply({ undeliverable: {} }), "responsemessage.undeliverable={} on line 1"],
    [reply({ channel: { stored: "no" } }), "responsemessage.channel.stored=no on line 1"],
    [{ callId: "c-1", responseMessage: { acknowledged: {}, content: {} } }, "responsemessage.acknowledged={} on line 1"],
    [
      { callId: "c-1", payload: { ...BODY, responseMessage: { content: { text: "answer 4" } } } },
      "payload.responsemessage.content.text=answer 4 on line 1",
    ],
    [
      { callId: "c-1", body: { ...BODY, ...reply({ stored: "no" }), messageId: MESSAGE } },
      "body.responsemessage.stored=no on line 1",
    ],
  ])("%j has a column that isn't compared", (fields, column) => {
    const { message } = thrownBy(`${JSON.stringify(fields)}\n`);
    expect(message).toContain(column);
    expect(read(`${JSON.stringify(fields)}\n`, column.split(/[.=]/, 1)[0] ?? "").read).toBe(1);
  });

  test.each<object>([
    { ...FIELDS, body: { ...BODY, messageid: MESSAGE.toLowerCase() } },
    { callId: "c-1", req: { body: BODY } },
    { callId: "c-1", httpRequest: { rawBody: JSON.stringify(BODY) } },
    { callId: "c-1", jsonPayload: { callId: "c-1", content: "failed", acknowledged: null, undeliverable: "29/11/26 18:18" } },
    { ...FIELDS, email: null, voice: "", from: { whatsapp: "1" } },
    reply({ Acknowledged: "29/11/26 18:18", undeliverable: null }),
    { headers: { "Webhook-Id": "order-5" }, body: BODY },
    { httpRequest: { headers: '{"webhook-id":"order-5"}' }, body: BODY },
  ])("%j has none", (fields) => {
    expect(read(`${JSON.stringify(fields)}\n`).read).toBe(1);
  });
});

describe("a webhook-id", () => {
  const idsIn = (list: readonly object[], ...ignored: readonly string[]) =>
    read(list.map((fields) => `${JSON.stringify(fields)}\n`).join(""), ...ignored).lines.map(({ callId }) => callId);
  const withId = (id: string) => ({ headers: { "webhook-id": id }, body: BODY });

  it("in the headers of a request is the line's call id, also where the headers are ignored", () => {
    const lines = [withId("order-5"), withId("order-6")];
    expect(idsIn(lines)).toEqual(["order-5", "order-6"]);
    expect(idsIn(lines, "headers")).toEqual(["order-5", "order-6"]);
    expect(idsIn(lines, "headers.webhookid")).toEqual([null, null]);
    expect(idsIn([{ request: { headers: { "Webhook-Id": ["order-5"] } } }])).toEqual(["order-5"]);
  });

  it.each<[object, string]>([
    [{ headers: { "webhook-id": " " }, body: BODY }, "headers.webhookid=(empty) on line 2"],
    [{ body: BODY }, "headers.webhookid=(missing) on line 2"],
    [{ ...withId("order-6"), dlq: { headers: { "webhook-id": "order-6" } } }, "dlq.headers.webhookid=order-6 on line 2"],
    [{ ...withId("order-6"), body: '{"headers":{"webhook-id":"order-6"}}' }, "body.headers.webhookid=order-6 on line 2"],
  ])("%j may say that the line wasn't received", (fields, column) => {
    const { message, hint } = thrownBy([withId("order-5"), fields].map((each) => `${JSON.stringify(each)}\n`).join(""));
    expect(message).toContain(column);
    expect(message).toMatch(/ may say that the line wasn't received$/);
    expect(hint).toContain("; a webhook-id is the line's call id in headers or, at any level, in req.headers, ");
  });

  it("that is ignored is the line's only in a request's headers, as a sender may have written it elsewhere", () => {
    const id = { "webhook-id": "order-2" };
    const idIn = (text: object) => idsIn([{ ...BODY, text: JSON.stringify(text) }], "text");
    expect([id, { headers: id }].map(idIn)).toEqual([[null], [null]]);
    const logs: readonly object[] = [{ log: { req: { headers: id } } }, { log: JSON.stringify({ event: { headers: id } }) }];
    expect(logs.map((log) => idsIn([{ ...BODY, ...log }], "log"))).toEqual([["order-2"], ["order-2"]]);
    expect(idsIn([{ ...BODY, rawRequest: JSON.stringify({ headers: id }) }], "rawrequest")).toEqual(["order-2"]);
  });
});

const ADVICE = "--ignore NAME for each column that isn't compared, if none of its values means that its line wasn't received; ";

describe("a log of accepted requests is a list of what was received if its other columns are named:", () => {
  it.each<[string, object, others: string]>([
    [
      "whcb listen",
      {
        ...{ at: "2026-11-29T18:18:21.170Z", method: "POST", url: "/hook", status: 200, webhookId: MESSAGE, repeat: false },
        headers: { host: "127.0.0.1:21941", connection: "keep-alive", "webhook-id": MESSAGE, "content-length": "204" },
        body: BODY,
      },
      "at,method,url,headers,repeat",
    ],
    [
      "express with pino-http",
      {
        ...{ level: 30, time: 1_795_976_301_170, pid: 7, hostname: "web-1" },
        req: { id: 404, method: "POST", url: "/hook", query: {}, headers: { host: "h", accept: "*/*" }, remotePort: 50_300 },
        res: { statusCode: 200, headers: { "x-powered-by": "Express" } },
        ...{ responseTime: 0, msg: "request completed" },
      },
      "time,pid,hostname,req,res.headers.xpoweredby,level,responsetime,msg",
    ],
  ])("%s", (_, fields, others) => {
    expect(thrownBy(line(fields)).hint).toContain(ADVICE);
    expect(read(line(fields), ...others.split(",")).read).toBe(1);
  });
});

describe("an empty value of a column that is compared", () => {
  const join = "callid,messageid,mobile,content\nc-1,M1,61491570101,yes\n";

  test.each([
    [`${join}c-2,NULL,NULL,NULL\n`, "content=(empty) on line 3"],
    [`${join}c-2,M2,\\N,yes\n`, "mobile=(empty) on line 3"],
    [`${join}c-2,,61491570102,yes\n`, "messageid=(empty) on line 3"],
    ["callid,content\nc-1,\n", "content=(empty) on line 2"],
    ["callid\twebhookid\nc-1\t\n", "webhookid=(empty) on line 2"],
    ["callid,callid\nc-1,\n", "callid=(empty) on line 2"],
    ["messageid,mobile,content,acknowledged\nM1,1,a,\nM1,2,b,2026-11-29 12:01\n", "acknowledged=(empty) on line 2"],
    ["messageid,mobile,content,acknowledged,undeliverable\nM1,1,a,,\n", "acknowledged=(empty) on line 2"],
    ['{"messageId":"M1","mobile":"1","content":"a","acknowledged":null}\n', "acknowledged=(empty) on line 1"],
    ['{"callId":"c-1","messageId":"M1","mobile":" ","content":"a"}\n', "mobile=(empty) on line 1"],
    ['{"callId":"c-1","messageId":null,"content":"a"}\n', "messageid=(empty) on line 1"],
  ])("may say that its line wasn't received: %j", (text, message) => {
    expect(thrownBy(text).message).toContain(message);
    const ignored = text.startsWith("{") ? Object.keys(JSON.parse(text)) : (text.split(/\n/)[0] ?? "").split(/[,\t]/);
    expect(read(text, ...ignored.map((name) => name.toLowerCase())).read).toBeGreaterThan(0);
  });

  test.each([
    "callid,mobile,email,name\nc-1,,a@b.c,\n",
    "callid,acknowledged,undeliverable\nc-1,,29/11/26 18:18\n",
    '{"callId":"c-1","mobile":null,"from":"a@b.c","acknowledged":"29/11/26 18:18","undeliverable":""}\n',
    '{"messageId":"M1","from":null,"callId":null,"responseMessage":{"content":"","undeliverable":"29/11/26 18:18"}}\n',
  ])("doesn't if another is in its place, or the body came so: %j", (text) => {
    expect(read(text).read).toBe(1);
  });
});

describe("an empty or missing value one level down", () => {
  const found = '{"callid":"c-2","responsemessage":{"acknowledged":"30/11/26 15:12","content":"reply 2"}}\n';
  const logged = '{"callid":"c-2","payload":{"messageid":"M2","responsemessage":{"content":"reply 2"}}}\n';

  test.each([
    [`${found}{"callid":"c-1","responsemessage":null}\n`, "responsemessage=(empty) on line 2"],
    [`${found}{"callid":"c-1"}\n`, "content=(empty) on line 2"],
    [`${found}{"callid":"c-1","responsemessage":{"acknowledged":null,"content":null}}\n`, "content=(empty) on line 2"],
    ['{"callid":"c-1","responsemessage":{"acknowledged":"","undeliverable":""}}\n', "acknowledged=(empty) on line 1"],
    ['{"callid":"c-1","from":{"mobile":null}}\n', "mobile=(empty) on line 1"],
    ['{"callid":"c-2","from":{"mobile":"1"}}\n{"callid":"c-1"}\n', "mobile=(empty) on line 2"],
    ['{"callid":"c-1","acknowledged":null,"responsemessage":{"content":"reply 1"}}\n', "acknowledged=(empty) on line 1"],
    [`${logged}{"callid":"c-1"}\n`, "payload=(missing) on line 2"],
    [
      `${logged}{"callid":"c-1","payload":{"messageid":null,"responsemessage":{"content":null}}}\n`,
      "payload.messageid=(empty) on line 2",
    ],
    [
      '{"callid":"c-2","data":{"callid":"c-2","content":"reply 2"}}\n{"callid":"c-1","data":{"callid":"c-1"}}\n',
      "content=(missing) on line 2",
    ],
    [`${logged}{"callid":"c-1","messageid":"M1","payload":{"messageid":"M1"}}\n`, "content=(missing) on line 2"],
    [
      `${found}{"callid":"c-1","responsemessage":{"channel":"SMS","acknowledged":null,"content":null}}\n`,
      "content=(missing) on line 2",
    ],
    ['{"callid":"c-1","data":{"callid":"c-1","acknowledged":null}}\n', "data.acknowledged=(empty) on line 1"],
    ['{"callid":"c-1","payload":{"callid":"c-1","content":null}}\n', "payload.content=(empty) on line 1"],
    [
      'callid,payload\nc-1,"{""messageid"":null,""responsemessage"":{""content"":null}}"\n',
      "payload.responsemessage.content=(empty) on line 2",
    ],
    [
      "callid,payload\nc-1,<deliveryResponse><messageid/><responseMessage><content></content></responseMessage></deliveryResponse>\n",
      "payload.responsemessage.content=(empty) on line 2",
    ],
  ])("may say that its line wasn't received: %j", (text, message) => {
    expect(thrownBy(text).message).toContain(message);
    expect(thrownBy(text).message).toContain(" may say that the line wasn't received");
  });

  test("is named by a column of the list, or may be ignored all the same", () => {
    const dated = "callid,acknowledged\nc-2,2026-11-30 15:12\nc-1,\n";
    expect(thrownBy(dated).message).toContain("acknowledged=(empty) on line 3 may say that");
    expect(read(dated, "acknowledged").read).toBe(2);
    const joined = `${logged}{"callid":"c-1"}\n`;
    expect(thrownBy(joined, "payload").message).toContain("content=(missing) on line 2");
    expect(read(joined, "payload", "content").read).toBe(2);
  });

  test.each([
    `${JSON.stringify(BODY)}\n{"webhook-id":"c-1"}\n`,
    `${found}{"callid":"c-1","responsemessage":{"undeliverable":"30/11/26 15:12"}}\n`,
    `${logged}{"callid":"c-1","payload":{"messageid":"M2","responsemessage":{"undeliverable":"30/11/26 15:12","content":""}}}\n`,
  ])("doesn't in a body as it was delivered, or if the others have no id of a call: %j", (text) => {
    expect(read(text).read).toBe(2);
  });
});

describe("a line that lacks a column by which others say that they were received", () => {
  const xml = (status: string) => `<deliveryResponse><messageid>${MESSAGE}</messageid>${status}</deliveryResponse>\n`;

  test.each([
    [line({ receivedAt: "2026-11-29T10:00:00Z" }) + line({}) + line({}), "receivedat=(missing) on line 2"],
    [line({ name: "Ada" }) + line({ status: 200 }), "status=(missing) on line 1"],
    [
      `${line({ res: { statusCode: 200 } })}\n${line({ res: '{"statusCode":200}' })}${line({ res: '{"body":{}}' })}`,
      "res.statuscode=(missing) on line 4",
    ],
    [
      line({ status: 200, Status: 200 }) + line({ status: 200 }) + line({ state: "OK" }) + line({ status: 200 }),
      "status=(missing) on line 3",
    ],
    [xml("<status>200</status>") + xml("<status>200</status>") + xml(""), "status=(missing) on line 3"],
    [line({ ok: true }) + line({}) + line({ ok: null }), "ok=(empty) on line 3"],
  ])("stops the command: %j", (text, message) => {
    expect(thrownBy(text, ...(text.includes("body") ? ["res.body"] : [])).message).toContain(message);
    expect(thrownBy(text, ...(text.includes("body") ? ["res.body"] : [])).message).toContain(
      " may say that the line wasn't received",
    );
  });

  it("is read if the column is ignored, or the other name says it, too", () => {
    expect(read(line({ res: { status: 200 } }) + line({}), "res").read).toBe(2);
    expect(read(line({ status: 200 }) + line({ status: "OK", ok: 1 }), "ok").read).toBe(2);
  });
});

describe("a column that means something else", () => {
  it("is ignored if it is named, with all that is in it", () => {
    const tested = line({ is_test: false, Request: { tls: { resumed: false } }, "res.x": 1, state: "NSW" });
    expect(thrownBy(tested, "istest", "request.tls", "res").message).toMatch(/^state=NSW on line 1 may /);
    for (const request of ["request", "request.tls", "request.tls.resumed"])
      expect(read(tested, "istest", request, "res.x", "state").read).toBe(1);
    expect(() => read(line({ saved: false, saved_by: "no" }), "saved")).toThrow("savedby=no");
    expect(read("callid,\no1,7\n", "unnamed").read).toBe(1);
    expect(read('callid,"a, b"\no1,7\n', "ab").read).toBe(1);
  });

  it("must be there", () => {
    expect(() => read("callid,x\no1,\n", "y")).toThrow(/^--ignore: the list has no y$/);
    expect(() => read(line({ x: 1 }), "x.y", "z")).toThrow(/^--ignore: the list has no z$/);
  });
});

it("names each column once, with its first value, or the first one that may mean no, and many only by their number", () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`c${index}`, `v${index}`]));
  const text = line({ ...many, a: "x" }) + line({ ...many, a: "failed" }) + line({ ...many, a: "no" });
  const { message } = thrownBy(text);
  expect(message).toContain(
    "c18=v18 on line 1, c19=v19 on line 1, and 10 more; a=failed on line 2, x on line 1, no on line 3 may say ",
  );
  expect(message.match(/\ba=/g)).toHaveLength(1);
});

describe("a column that is alike on all lines", () => {
  it.each([
    { level: 50, pid: 77, msg: "could not save reply" },
    { level: 30, pid: 77, msg: "connection pool exhausted" },
    { pid: 77, topic: "replies.DLT" },
    { pid: 77, queue: "webhooks-parked" },
    { pid: 77, why: "duplicate entry" },
    { pid: 77, log: { line: "giving up" } },
    { pid: 77, waf: "block", throttled: true, retry_in: 30, quota: "exceeded", exit_code: 137, rc: 1, circuit: "open" },
  ])("isn't proposed to be ignored, as it may tell of a refusal: %j", (fields) => {
    const { hint } = thrownBy(line(fields) + line(fields));
    expect(hint).toMatch(ADVICE);
    expect(hint.match(/--ignore \S+/g)).toEqual(["--ignore NAME"]);
  });
});

describe("a column that can say yes of one line and no of another", () => {
  const ids = ["f47ac10b-58cc-4372-a567-0e02b2c3d479", "0193a1b2-c3d4-7e5f-8091-a2b3c4d5e6f7"] as const;
  const logged = (index: 0 | 1, msg?: string) =>
    line({
      level: 30,
      at: `2026-11-29T18:05:0${index}Z`,
      trace: ids[index],
      pid: 4711 + index,
      ...(msg && { log: { msg, v: 1 } }),
    });

  it("is named with its values", () => {
    const { message, hint } = thrownBy(logged(0, "stored reply") + logged(1, "gave up: database is locked"));
    expect(message).toBe(
      `the list has columns that aren't compared: level=30 on line 1, at=2026-11-29T18:05:00Z on line 1, trace=${ids[0]} on line 1, pid=4711 on line 1, ` +
        "log.v=1 on line 1; columns that aren't compared differ between lines: log.msg=stored reply on line 1, gave up: database is locked on line 2",
    );
    expect(hint.startsWith(ADVICE)).toBe(true);
  });

  it("is named though its values are long numbers or ids, if lines share one", () => {
    const coded = (index: number, id = "") => line({ at: `2026-11-29T18:05:0${index}Z`, reason: { id } });
    const [stored, other] = [0, 1].map((digit) => `3f2b8c1d-9a4e-4f60-8b7c-00000000000${digit}`);
    expect(thrownBy(coded(0, stored) + coded(1, other) + coded(2, stored)).message).toBe(
      "the list has columns that aren't compared: at=2026-11-29T18:05:00Z on line 1; columns that aren't compared differ between lines: " +
        `reason.id=${stored} on line 1, ${other} on line 2`,
    );
    const list = (values: number) => Array.from({ length: 3_000 }, (_, index) => `c-${index},${10_000 + (index % values)}\n`);
    const shown = (values: number) => thrownBy(`callid,rc\n${list(values).join("")}`).message;
    expect(shown(500)).toContain("rc=10000 on line 2, 10001 on line 3, 10002 on line 4, and 497 other values");
    expect(shown(1_000)).toBe("the list has columns that aren't compared: rc=10000 on line 2");
  });

  it("may be missing on some lines", () => {
    const { message } = thrownBy(logged(0, "gave up") + logged(1));
    expect(message).toMatch(
      /; columns that aren't compared differ between lines: log\.msg=gave up on line 1, \(missing\) on others, log\.v=/,
    );
  });

  it("has more values than are shown", () => {
    const exits = (values: readonly number[]) => `callid,exit\n${values.map((value, index) => `c-${index},${value}\n`).join("")}`;
    const { message, hint } = thrownBy(exits([7, 1, 2, 7, 3, 4]));
    expect(message).toBe(
      "columns that aren't compared differ between lines: exit=7 on line 2, 1 on line 3, 2 on line 4, and 2 other values",
    );
    expect(hint.startsWith(ADVICE)).toBe(true);
    expect(thrownBy(exits([1, 0])).message).toBe("exit=0 on line 3, 1 on line 2 may say that the line wasn't received");
    const many = Array.from({ length: 2_000 }, (_, index) => index % 1_500);
    expect(thrownBy(exits(many.map((value) => -1 - value))).message).toContain(", and at least 997 other values");
  });
});

it("shows no secrets of URLs and headers, and the beginning of a long value", () => {
  const note = `see https://u:secret@h/?key=secret ${"x".repeat(100)}`;
  const headers = { authorization: "Basic c2VjcmV0", cookie: "secret=1", "x-api-key": "secret" };
  const { message } = thrownBy(line({ "res.note (1)": note, headers }));
  expect(message).not.toMatch(/secret|c2VjcmV0|x{40}/);
  expect(message).toContain("headers.authorization=**** on line 1");
});

describe("an ignored column", () => {
  const refusalsIn = (fields: object) =>
    read(line({ log: fields }), "log").lines.flatMap(({ refusals }) => refusals.map(({ name }) => name));

  test.each([
    { msg: "rejected: 503" },
    { res: { code: 503 } },
    { res: '{"code":"4xx"}' },
    { headers: { error: "timed out" } },
    { steps: ["stored", "rolled back"] },
  ])("mentions a refusal: %j", (fields) => {
    expect(refusalsIn(fields)).toHaveLength(1);
  });

  test.each([
    { error: null, errors: 0, failed: false, rejected: "" },
    { at: "2026-11-29 18:05:00.500", time: 1_795_976_301_170 },
    { trace: "00-4bf92f3577b34da6a3ce929d0e0e4412-00f067aa0ba90412-01", id: "f47ac10b-58cc-4372-a567-0e02b2c3d479" },
    { req: { headers: { "content-length": "412", "x-forwarded-port": 443 } } },
    { body: BODY },
  ])("mentions none: %j", (fields) => {
    expect(refusalsIn(fields)).toEqual([]);
  });
});

test.each([
  ["callid\no7\n\nRejected\no8\n", "callid", 4, "Rejected"],
  ["received-29\no7\nrejected-2026-11-29\no8\n", "id", 3, "rejected-2026-11-29"],
  ["o7\nnot-received-29.11.\no8\n", "id", 2, "not-received-29.11."],
  ["callid,note\no7,\nNot received,\no8,\n", "callid", 3, "Not received"],
  ["o7\n\n5xx:\n\no8\n", "id", 3, "5xx:"],
  ["messageid,mobile,content\nM1,1,c 7\n503,,\n", "messageid", 3, "503"],
  ["status=200\no7\n", "id", 1, "status=200"],
  ["o7\ncode:503\no8\n", "id", 2, "code:503"],
  ["o7\nexit:1\no8\n", "id", 2, "exit:1"],
  ["o7\n---503---\no8\n", "id", 2, "---503---"],
  ["o7\n//503\no8\n", "id", 2, "//503"],
  ["o7\n===2===\no8\n", "id", 2, "===2==="],
])("an id that may be a heading is told: %j", (text, name, number, id) => {
  const others = ["note", "mobile", "content"].filter((other) => text.includes(other));
  expect(read(text, ...others).headings).toEqual([{ line: number, name, id }]);
  expect(read(text, name, ...others).headings).toEqual([]);
});

it("takes ids that a sender has chosen for ids, if they have a digit", () => {
  expect(read("retry-5\norder-0\norder-503\nwhy.503\nsm:8812\nQmF0Y2g3==\n-7\n").headings).toEqual([]);
  expect(read("messageid,content\nSPRING,yes\n").headings).toEqual([{ line: 2, name: "messageid", id: "SPRING" }]);
});
