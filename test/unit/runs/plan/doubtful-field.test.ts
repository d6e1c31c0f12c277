/** A list of what was rejected must not pass as one of what was received, whatever its columns are called. */
import { describe, expect, it, test } from "vitest";
import { readSeenList } from "../../../../src/runs/plan/seen-list.js";

const MESSAGE = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";
const line = (fields: object): string => `${JSON.stringify({ "webhook-id": MESSAGE, ...fields })}\n`;
const read = (text: string, ...ignored: readonly string[]) => readSeenList(text, "UTC", { ignored: new Set(ignored) });

test.each([
  ["webhook_id,http_response\no1,503\n", "line 2 can't be read: its httpresponse is 503"],
  [line({ persisted: false }), "line 1 can't be read: its persisted is false"],
  [line({ level: "err", msg: "callback rejected" }), "line 1 can't be read: its level is err"],
  [line({ response: "503 Service Unavailable" }), "line 1 can't be read: its response is 503 Service Unavailable"],
  ["webhook_id,errcode,errmsg\no5,40001,invalid mobile\n", "line 2 can't be read: its errcode is 40001"],
  [line({ return_code: 500 }), "line 1 can't be read: its returncode is 500"],
  [line({ in_db: false }), "line 1 can't be read: its indb is false"],
  [line({ level: 400, level_name: "WARNING" }), "line 1 can't be read: its level is 400"],
  [line({ timed_out: true }), "line 1 can't be read: its timedout is true"],
  ["callid,rolled_back\no7,t\n", "line 2 can't be read: its rolledback is t"],
  [line({ response: { body: '{"error":"no such inbox"}' } }), "line 1 can't be read: its response.body.error is no such inbox"],
  [line({ response: "<answer><code>503</code></answer>" }), "line 1 can't be read: its response.code is 503"],
  [line({ res: { results: [{ saved: 0 }] } }), "line 1 can't be read: its res.results.0.saved is 0"],
])("%j is a list of what was rejected", (text, message) => {
  expect(() => read(text)).toThrow(`${message}, which isn't known to mean received`);
});

const NAMES =
  "http_response upstream_response return_code rc answer stat status_cd status_desc saved persisted inserted written committed applied ingested handled confirmed acked done completed";
const NOES = [
  false,
  "false",
  0,
  "0",
  "no",
  "N",
  "f",
  "never",
  503,
  "503",
  "404 Not Found",
  "HTTP 503",
  "HTTP/1.1 500 Oops",
  "5xx",
];

it.each(NAMES.split(" "))("may be a no in any column: %s", (name) => {
  for (const value of NOES) expect(() => read(line({ [name]: value })), String(value)).toThrow("isn't known to mean received");
});

it.each([
  ...["callback rejected", "rejected: bad number", "insert failed", "denied", "DENY", "blocked", "declined", "nack", "invalid"],
  ...["fatal", "ERR", "TimeoutError", "ValidationError", "REJECT", "DROP", "fail", "failed (503)", "rolled back", "not stored"],
  ...["dead-letter", "webhook.rejected", "timed out", "never received", "Undelivered", "aborted", "said that it failed"],
  ...["bad gateway", "unauthorized", "Service Unavailable", "CANCELLED"],
])("may be a word in any column: %s", (value) => {
  for (const name of ["event", "note", "queue"])
    expect(() => read(line({ [name]: value }))).toThrow(`its ${name} is ${value}, which isn't known to mean received`);
});

it.each(["errno", "err_text", "blocked", "denied", "quarantined", "deleted_at", "is_invalid", "dead_lettered", "unprocessed"])(
  "may be a column's name, if its value doesn't take that back: %s",
  (name) => {
    for (const value of ["x", 1, true, "2026-11-29 18:05:00"])
      expect(() => read(line({ [name]: value }))).toThrow("isn't known to mean received");
    for (const value of ["", null, false, 0, "none", "no"]) expect(() => read(line({ [name]: value }))).not.toThrow();
  },
);

it.each([
  ["callid\no7\n\nRejected\no8\n", "line 4 can't be read: its callid is Rejected"],
  ["callid,note\no7,\nNot received,\no8,\n", "line 3 can't be read: its callid is Not received"],
  ["o7\n\nfailed:\n\no8\n", "line 3 can't be read: its id is failed:"],
  ["o7\n\nDenied\n", "line 3 can't be read: its id is Denied"],
  ["messageid,mobile,content\nM1,1,c 7\nREJECTED,,\n", "line 3 can't be read: its messageid is REJECTED"],
])("may be a heading among the ids: %j", (text, message) => {
  expect(() => read(text)).toThrow(message);
});

it("takes ids that a sender has chosen, and what senders have written", () => {
  expect(read("failed-17\nretry-error-5\norder-0\n404\n").read).toBe(3 + 1);
  expect(read(`messageid,content,name\n${MESSAGE},my order failed,No\n`).read).toBe(1);
});

const BODY = {
  messageid: MESSAGE,
  from: { name: "Error", mobile: "61491570101" },
  responseMessage: { channel: "SMS", acknowledged: "29/11/26 18:18", content: "failed" },
  customParameters: { state: "rejected", paid: "false" },
};
const XML_BODY = `<deliveryResponse><messageid>${MESSAGE}</messageid><from><mobile>61491570101</mobile></from><responseMessage><acknowledged>29/11/26 18:18</acknowledged><content>no</content></responseMessage></deliveryResponse>`;

describe("a log of accepted requests is a list of what was received:", () => {
  it.each<[string, object]>([
    [
      "whcb listen",
      {
        ...{ at: "2026-11-29T18:18:21.170Z", method: "POST", url: "/hook", status: 200, webhookId: MESSAGE, repeat: false },
        headers: { host: "127.0.0.1:21941", connection: "keep-alive", "webhook-id": MESSAGE, "content-length": "204" },
        body: BODY,
      },
    ],
    ["whcb listen, with an XML body", { status: 200, webhookId: MESSAGE, repeat: false, body: XML_BODY }],
    [
      "nginx",
      {
        ...{ time_local: "29/Nov/2026:18:18:21 +0000", remote_addr: "127.0.0.1", request: "POST /hook HTTP/1.1", status: "200" },
        ...{
          body_bytes_sent: "0",
          request_time: "0.000",
          request_length: "404",
          server_port: "443",
          http_referrer: "",
          connection: "500",
        },
        ...{ http_user_agent: "whcb/1.0.0", upstream_response_time: "0", pipe: ".", request_body: JSON.stringify(BODY) },
      },
    ],
    [
      "express with pino-http",
      {
        ...{ level: 30, time: 1_795_976_301_170, pid: 500, hostname: "web-1" },
        req: { id: 404, method: "POST", url: "/hook", query: {}, headers: { "content-length": "0" }, remotePort: 503 },
        res: { statusCode: 200, headers: { "x-powered-by": "Express" } },
        ...{ responseTime: 0, msg: "request completed" },
      },
    ],
    [
      "Laravel",
      {
        ...{ message: "webhook stored", context: { call: MESSAGE }, level: 200, level_name: "INFO", channel: "production" },
        ...{ exception: null, payload: JSON.stringify(BODY), extra: [] },
      },
    ],
    [
      "Rails with lograge",
      {
        ...{ method: "POST", path: "/hook", format: "json", controller: "HooksController", action: "create", status: 200 },
        ...{ allocations: 500, duration: 0, view: 0, db: 0 },
      },
    ],
  ])("%s", (_, fields) => {
    expect(read(line(fields)).read).toBe(1);
  });

  it("a database's, whose own ids and counts may be any number", () => {
    const header = "id,crm_id,webhook_id,inserted_at,retry_count,retries,attempts,version,amount,phone,street";
    const row = "500,404,o1,2026-11-29 18:05:00,0,0,0,0,450,415-555-0100,17 Main St";
    expect(read(`${header}\n${row}\n`).read).toBe(1);
  });
});

describe("a column that means something else", () => {
  it("is ignored if it is named, with all that is in it", () => {
    const tested = line({ is_test: false, Request: { tls: { resumed: false } }, state: "NSW" });
    expect(() => read(tested)).toThrow("its istest is false");
    expect(() => read(tested, "istest")).toThrow("its request.tls.resumed is false");
    expect(() => read(tested, "istest", "request.tls.resumed")).toThrow("its state is NSW");
    for (const request of ["request.tls", "request.tls.resumed"]) {
      expect(read(tested, "istest", request, "state")).toMatchObject({ read: 1, notCompared: ["request"] });
    }
    expect(read(tested, "istest", "request", "state")).toMatchObject({ notCompared: [] });
    expect(read("errors\nother-1\n", "id").read).toBe(2);
    expect(() => read(line({ saved: false, saved_by: "no" }), "saved")).toThrow("its savedby is no");
  });

  it("must be there", () => {
    expect(() => read("callid,x\no1,\n", "y")).toThrow(/^--ignore: the list has no y$/);
    expect(() => read(line({ x: 1 }), "x.y", "z")).toThrow(/^--ignore: the list has no z$/);
  });

  it("is named in the error's hint, and its value is cut and without a URL's secrets", () => {
    const error = (text: string) => {
      try {
        return read(text);
      } catch (thrown) {
        return thrown;
      }
    };
    expect(error(line({ "res.note (1)": `failed: https://u:secret@h/?key=secret ${"x".repeat(100)}` }))).toMatchObject({
      code: "malformed",
      message: expect.stringMatching(/^line 1 can't be read: its res\.note\(1\) is failed: https:.{1,100}, which isn't known/),
      hint: "give only the lines that were received; if it means something else: --ignore 'res.note(1)'; nothing was done",
    });
    expect(String(error(line({ note: "failed: https://u:secret@h/?key=secret" })))).not.toContain("secret");
  });
});
