import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Attempt } from "../../src/domain/attempt.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import type { Logger } from "../../src/platform/logger.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import { openStore } from "../../src/store/open-store.js";
import { anAttempt } from "../support/builders.js";
import { BUSY, OK } from "../support/server/recorded-calls.js";
import {
  CALLBACK_BODY,
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";
import { fetchPending } from "../support/store/waiting-calls.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const ID = "0123456789ABCDEF";
const JSON_HEADERS = { ...CREDENTIALS, accept: "application/json" };

let service: Service;

async function open(overrides: Partial<ServerDeps> = {}): Promise<Service> {
  service = await openService(overrides);
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
  return service;
}

afterEach(() => closeService(service));

describe("forms", () => {
  it.each([
    [undefined, 200, "application/vnd.whispir.api-callback-v1+xml"],
    ["*/*", 200, "application/vnd.whispir.api-callback-v1+xml"],
    ["application/json, text/plain, */*", 200, "application/json"],
    ["application/vnd.whispir.api-callback-v1+json", 200, "application/vnd.whispir.api-callback-v1+json"],
    ["application/xml;q=0.2, application/json;q=0.1", 200, "application/xml"],
    ["text/html", 415, "application/json"],
  ])("answers Accept: %s with %s %s", async (accept, status, type) => {
    await open();
    const answer = await service.app.inject({ url: "/callbacks/demo", headers: { ...CREDENTIALS, ...(accept && { accept }) } });
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([status, type]);
  });

  it.each([
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 201],
    ["multipart/form-data; boundary=x", 415],
    ["application/json; charset=utf-16", 415],
    ["application/x-ndjson", 415],
    ["garbage", 415],
    [`application/json; charset=utf-8; x=${"y".repeat(200)}`, 415],
    ["application/vnd.whispir.api-callback-v1+json", 201],
  ])("answers a body of Content-Type %s with %s", async (type, status) => {
    await open();
    const payload = JSON.stringify({ ...CALLBACK_BODY, name: "other" });
    const answer = await service.app.inject({
      method: "POST",
      url: "/callbacks",
      headers: { ...JSON_HEADERS, "content-type": type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
  });

  it("accepts a Content-Type without a body", async () => {
    await open();
    const headers = { ...JSON_HEADERS, "content-type": "text/plain" };
    const get = await service.app.inject({ url: "/callbacks/demo", headers });
    const post = await service.app.inject({ method: "POST", url: "/callbacks/demo/replays?status=FAILED", headers });
    expect([get.statusCode, post.statusCode]).toEqual([200, 202]);
  });

  it.each([
    ["bytes that aren't UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["a list", "[]"],
    ["null", "null"],
    ["half a document", '{"name'],
  ])("answers %s with 400", async (_, payload) => {
    await open();
    const headers = { ...JSON_HEADERS, "content-type": "application/json" };
    const answer = await service.app.inject({ method: "POST", url: "/callbacks", headers, payload });
    expect([answer.statusCode, answer.json().errorText]).toEqual([400, "Bad Request"]);
  });
});

describe("paths and methods", () => {
  it.each([
    ["PATCH", "/callbacks/demo", 405, "GET, HEAD, PUT, DELETE"],
    ["DELETE", "/callbacks", 405, "POST, GET, HEAD"],
    ["OPTIONS", "/callbacks/demo/calls", 405, "GET, HEAD, PUT, POST"],
    ["GET", "/callbacks/demo/replays", 405, "POST"],
    ["GET", "/callbacks/demo/nothing", 404, undefined],
    ["GET", "/callbacks/%zz", 400, undefined],
    ["GET", `/callbacks/${"x".repeat(90)}`, 404, undefined],
    ["GET", "/callbacks/demo/", 200, undefined],
  ])("answers %s %s with %s, Allow: %s", async (method, url, status, allow) => {
    await open();
    const answer = await service.app.inject({ method: method as "GET", url, headers: JSON_HEADERS });
    expect([answer.statusCode, answer.headers.allow]).toEqual([status, allow]);
  });

  it("answers 404 for a name longer than allowed", async () => {
    await open();
    const answer = await service.app.inject({ url: `/callbacks/${"x".repeat(3000)}`, headers: JSON_HEADERS });
    expect([answer.statusCode, answer.json().errorText]).toEqual([404, "Not Found"]);
  });

  it("sends headers that stop a browser from sniffing, and the request's id", async () => {
    await open();
    const given = await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, "x-request-id": "mine-1" } });
    const made = await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, "x-request-id": "not one" } });
    expect(given.headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "x-request-id": "mine-1",
    });
    expect(made.headers["x-request-id"]).toMatch(/^[0-9A-F]{16}$/);
  });

  it.each(["/callbacks", "/callbacks/none"])(
    "sends %s as XML with a policy that loads nothing, and as JSON without one",
    async (url) => {
      await open();
      const policyOf = async (accept: string) =>
        (await service.app.inject({ url, headers: { ...JSON_HEADERS, accept } })).headers["content-security-policy"];
      expect([await policyOf("application/xml"), await policyOf("application/json")]).toEqual([
        "default-src 'none'; frame-ancestors 'none'",
        undefined,
      ]);
    },
  );
});

describe("links", () => {
  const selfOf = async (headers: Record<string, string>) => {
    const answer = await service.app.inject({ url: "/callbacks/demo", headers: { ...JSON_HEADERS, ...headers } });
    const { uri, host, port } = answer.json().link[0];
    return [uri, host, port];
  };

  it("contain the host that the caller used, and -1 for the scheme's default port", async () => {
    await open();
    expect(await selfOf({ host: "whcb.example.com" })).toEqual([
      `http://whcb.example.com/callbacks/${ID}`,
      "whcb.example.com",
      -1,
    ]);
    expect(await selfOf({ host: "whcb.example.com:80" })).toEqual([
      `http://whcb.example.com/callbacks/${ID}`,
      "whcb.example.com",
      -1,
    ]);
    expect(await selfOf({ host: "127.0.0.1:8787" })).toEqual([`http://127.0.0.1:8787/callbacks/${ID}`, "127.0.0.1", 8787]);
    expect(await selfOf({ host: "[::1]:8787" })).toEqual([`http://[::1]:8787/callbacks/${ID}`, "[::1]", 8787]);
  });

  const forwarded = { host: "10.0.0.1:8787", "x-forwarded-host": "api.example.com", "x-forwarded-proto": "https" };

  it("use X-Forwarded-* if the proxy is trusted", async () => {
    await open({ isTrustedProxy: (address) => address === "127.0.0.1" });
    expect(await selfOf(forwarded)).toEqual([`https://api.example.com/callbacks/${ID}`, "api.example.com", -1]);
  });

  it.each([
    ["x-forwarded-host", 'evil.example/"><script>'],
    ["x-forwarded-host", "evil.example:99999"],
    ["host", "evil.example:80:80"],
    ["host", "."],
    ["host", ":80"],
  ])("never use the %s %s", async (name, value) => {
    await open({ isTrustedProxy: (address) => address === "127.0.0.1" });
    const answer = await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, [name]: value } });
    expect([answer.statusCode, answer.body.includes("evil")]).toEqual([400, false]);
  });

  it("use X-Forwarded-* of no other client", async () => {
    await open({ isTrustedProxy: (address) => address === "10.0.0.1" });
    expect(await selfOf(forwarded)).toEqual([`http://10.0.0.1:8787/callbacks/${ID}`, "10.0.0.1", 8787]);
  });

  it("accept only http and https from a proxy", async () => {
    await open({ isTrustedProxy: (address) => address === "127.0.0.1" });
    expect((await selfOf({ ...forwarded, "x-forwarded-proto": "javascript" }))[0]).toBe(`http://api.example.com/callbacks/${ID}`);
  });

  it("ignore it otherwise", async () => {
    await open();
    expect(await selfOf(forwarded)).toEqual([`http://10.0.0.1:8787/callbacks/${ID}`, "10.0.0.1", 8787]);
  });

  it("reject an invalid Host", async () => {
    await open();
    const answer = await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, host: 'x"><script>' } });
    expect(answer.statusCode).toBe(400);
  });
});

describe("the check of an endpoint", () => {
  const create = (change = {}) =>
    service.app.inject({
      method: "POST",
      url: "/callbacks",
      headers: JSON_HEADERS,
      payload: { ...CALLBACK_BODY, name: "new", ...change },
    });

  it("GETs the URL with the callback's auth before anything is stored", async () => {
    const asked: unknown[] = [];
    await open({
      async checkEndpoint(request) {
        asked.push(request, await service.store.callbacks.find("new"));
        return OK;
      },
    });
    expect((await create()).statusCode).toBe(201);
    const headers = { "content-type": "application/json", "x-whispir-callback-key": CALLBACK_BODY.auth.key };
    const secrets = [CALLBACK_BODY.auth.key];
    expect(asked).toEqual([{ method: "GET", url: CALLBACK_BODY.url, headers, body: null, secrets }, null]);
  });

  it.each([
    [BUSY, "503 Service Unavailable"],
    [{ ...OK, statusCode: 204, statusMessage: "No Content" }, "204 No Content"],
    [{ kind: "unreachable", reason: "dns", detail: "ENOTFOUND" }, "dns: ENOTFOUND"],
  ] as const)("rejects anything but 200, and says what the endpoint answered: %j", async (result, cameBack) => {
    await open({ checkEndpoint: async () => result });
    const answer = await create();
    expect([answer.statusCode, answer.json().errorDetail, await service.store.callbacks.find("new")]).toEqual([
      400,
      `url must answer a GET with exactly 200; it answered: ${cameBack}`,
      null,
    ]);
  });

  it("comes after the public rules, which also apply to an update to another URL", async () => {
    let checks = 0;
    await open({
      checkCallbackUrl(url) {
        if (url.includes("10.0.0.1")) throw new WhcbError("address-refused", "url must hold a domain name");
      },
      async checkEndpoint() {
        checks += 1;
        return OK;
      },
    });
    const url = "http://10.0.0.1/";
    const created = await create({ url });
    const put = { method: "PUT", url: "/callbacks/demo", headers: JSON_HEADERS, payload: { ...CALLBACK_BODY, url } } as const;
    const updated = await service.app.inject(put);
    expect([created.statusCode, created.json().errorDetail, updated.statusCode, checks]).toEqual([
      422,
      "url must hold a domain name",
      422,
      0,
    ]);
    expect(await service.store.callbacks.find("demo")).toMatchObject(CALLBACK_SETTINGS);
  });

  it("isn't made for a name that already exists, or for an update", async () => {
    let checks = 0;
    await open({
      async checkEndpoint() {
        checks += 1;
        return BUSY;
      },
    });
    const update = await service.app.inject({
      method: "PUT",
      url: "/callbacks/demo",
      headers: JSON_HEADERS,
      payload: { ...CALLBACK_BODY, url: "http://127.0.0.1:1/" },
    });
    expect([(await create({ name: "demo" })).statusCode, update.statusCode, checks]).toEqual([400, 204, 0]);
  });
});

describe("signing", () => {
  const put = (payload: object, headers: object = JSON_HEADERS) =>
    service.app.inject({ method: "PUT", url: "/callbacks/demo", headers: { ...headers }, payload });
  const get = async () => (await service.app.inject({ url: "/callbacks/demo", headers: JSON_HEADERS })).json();

  it("is seen only by who asks for it, and its secret only in the answer to the request that made it", async () => {
    await open();
    expect((await put({ signing: "disabled" })).statusCode).toBe(204);
    expect(Object.keys(await get()).filter((name) => name.startsWith("signing"))).toEqual([]);
    const made = await put({ signing: "enabled" });
    const secret = expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/);
    expect([made.statusCode, made.json()]).toEqual([200, { id: ID, signing: "enabled", signingSecret: secret }]);
    expect(await get()).toMatchObject({ signing: "enabled" });
    expect(await get()).not.toHaveProperty("signingSecret");
    expect((await put(await get())).statusCode).toBe(204);
    const replaced = await put({ signing: "new" }, { ...JSON_HEADERS, accept: "application/xml" });
    const [, inXml] = /<signingSecret>(whsec_[^<]+)<\/signingSecret>/.exec(replaced.body) ?? [];
    expect([made.json().signingSecret, undefined]).not.toContain(inXml);
    expect((await put({ signing: "enabled", expected: { signing: "disabled" } })).statusCode).toBe(409);
    const wrong = await put({ signing: "on" });
    expect([wrong.statusCode, wrong.json().errorDetail]).toEqual([422, "signing must be enabled, disabled or new"]);
    const payload = { ...CALLBACK_BODY, name: "other", signing: "enabled", signingSecret: "whsec_mine" };
    const created = await service.app.inject({ method: "POST", url: "/callbacks", headers: JSON_HEADERS, payload });
    expect(created.json()).toMatchObject({ signing: "enabled", signingSecret: secret });
  });
});

describe("NDJSON", () => {
  const headers = { ...JSON_HEADERS, "content-type": "application/x-ndjson" };
  const hand = (payload: string | Readable) =>
    service.app.inject({ method: "POST", url: "/callbacks/demo/calls", headers, payload });

  it("keeps valid lines and reports the others by number", async () => {
    await open();
    await service.store.callbacks.create(
      "FEDCBA9876543210",
      { ...CALLBACK_SETTINGS, name: "other", events: { reply: true, undeliverable: false } },
      0,
    );
    await service.app.inject({ method: "POST", url: "/callbacks/other/calls", headers: JSON_HEADERS, payload: { id: "X" } });
    const answer = await hand(
      '{"id":"A"}\r\n\n{"id":\n{"id":"X"}\n{"id":"B"}\n[1]\n{"id":"A"}\n{"responseMessage":{"channel":7}}\n{"id":"C"}',
    );
    expect([answer.statusCode, answer.json()]).toEqual([
      202,
      {
        accepted: 3,
        rejected: [
          { line: 3, errorDetail: "the line isn't JSON" },
          { line: 4, errorDetail: "The id X belongs to another callback's call" },
          { line: 6, errorDetail: "the body must be an object" },
          { line: 8, errorDetail: "responseMessage.channel must be text of up to 64 characters, or null" },
        ],
      },
    ]);
    expect((await fetchPending(service.store, ID, 10)).map((call) => call.id)).toEqual(["A", "B", "C"]);
  });

  it("uses the callback's current settings, even just after a change", async () => {
    await open();
    expect((await hand(`{"messageId":"m"}`)).json()).toEqual({ accepted: 1, rejected: [] });
    const payload = { ...CALLBACK_BODY, callbacks: { reply: "disabled", undeliverable: "enabled" } };
    await service.app.inject({ method: "PUT", url: "/callbacks/demo", headers: JSON_HEADERS, payload });
    expect((await hand(`{"messageId":"m"}`)).json()).toMatchObject({ accepted: 0, rejected: [{ line: 1 }] });
  });

  it("accepts an endless stream, and reads no faster than it stores", async () => {
    await open();
    const lines = 25_000;
    let sent = 0;
    let mostAhead = 0;
    const stream = Readable.from(
      (async function* () {
        const content = "x".repeat(500);
        for (; sent < lines; sent += 100) {
          yield Array.from(
            { length: 100 },
            (_, index) => `${JSON.stringify({ id: `L${sent + index}`, responseMessage: { content } })}\n`,
          ).join("");
          const { PENDING } = await service.store.calls.count(ID);
          mostAhead = Math.max(mostAhead, sent - PENDING);
        }
      })(),
    );
    const origin = await service.app.listen({ port: 0, host: "127.0.0.1" });
    const answer = await fetch(`${origin}/callbacks/demo/calls`, {
      method: "POST",
      headers,
      body: Readable.toWeb(stream),
      duplex: "half",
    } as RequestInit);
    expect([answer.status, await answer.json()]).toEqual([202, { accepted: lines, rejected: [] }]);
    expect(await service.store.calls.count(ID)).toEqual({ PENDING: lines, SUCCESS: 0, FAILED: 0 });
    expect(mostAhead).toBeLessThan(lines / 2);
  });

  it("stops after a thousand rejected lines, and keeps what was accepted before", async () => {
    await open();
    const answer = await hand(`{"id":"A"}\n${"nope\n".repeat(1500)}{"id":"B"}\n`);
    const { rejected, ...rest } = answer.json();
    expect([answer.statusCode, rest, rejected.length, rejected.at(-1)]).toEqual([
      422,
      {
        errorSummary: "Too many lines are invalid",
        errorText: "Unprocessable Entity",
        errorDetail: "The service stopped after 1000 rejected lines, at line 1001",
        accepted: 1,
        stoppedAtLine: 1001,
      },
      1000,
      { line: 1001, errorDetail: "the line isn't JSON" },
    ]);
    expect((await fetchPending(service.store, ID, 10)).map((call) => call.id)).toEqual(["A"]);
  });

  it("gets its answer over a connection even if the service stops reading", async () => {
    await open();
    const origin = await service.app.listen({ port: 0, host: "127.0.0.1" });
    const answer = await fetch(`${origin}/callbacks/demo/calls`, { method: "POST", headers, body: "nope\n".repeat(500_000) });
    expect([answer.status, await answer.json()]).toEqual([422, expect.objectContaining({ stoppedAtLine: 1000 })]);
  });

  it("that is cut keeps what was stored and no half line", async () => {
    await open();
    const origin = await service.app.listen({ port: 0, host: "127.0.0.1" });
    const abort = new AbortController();
    const body = Readable.from(
      (async function* () {
        yield Array.from({ length: 1000 }, (_, index) => `{"id":"L${index}"}\n`).join("");
        while ((await service.store.calls.count(ID)).PENDING < 1000) await systemClock.nextTurn();
        yield '{"id":"half';
        abort.abort();
      })(),
    );
    const request = { method: "POST", headers, body: Readable.toWeb(body), duplex: "half", signal: abort.signal };
    await expect(fetch(`${origin}/callbacks/demo/calls`, request as RequestInit)).rejects.toThrow();
    expect(await service.store.calls.count(ID)).toEqual({ PENDING: 1000, SUCCESS: 0, FAILED: 0 });
  });
});

describe("limits", () => {
  it("accepts a body of 10 485 760 bytes and answers one byte more with 413", async () => {
    await open();
    const bodyOf = (bytes: number): string => {
      const [start, end] = ['{"responseMessage":{"content":"', '"}}'];
      return start + "x".repeat(bytes - start.length - end.length) + end;
    };
    const send = (payload: string) =>
      service.app.inject({
        method: "POST",
        url: "/callbacks/demo/calls",
        headers: { ...JSON_HEADERS, "content-type": "application/json" },
        payload,
      });
    const over = await send(bodyOf(10_485_761));
    expect([over.statusCode, over.json().errorText, (await send(bodyOf(10_485_760))).statusCode]).toEqual([
      413,
      "Payload Too Large",
      202,
    ]);
  });

  const exchange = async (text: string): Promise<string> => {
    const origin = new URL(await service.app.listen({ port: 0, host: "127.0.0.1" }));
    const socket = connect(Number(origin.port), "127.0.0.1");
    socket.write(text);
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    return answer;
  };

  it("says of headers over 16 KiB what to do in a browser", async () => {
    await open();
    expect(await exchange(`GET / HTTP/1.1\r\nhost: x\r\ncookie: ${"y".repeat(20_000)}\r\n\r\n`)).toContain(
      '"errorDetail":"The headers have more than 16 KiB; a browser sends shorter ones once this host\'s cookies are deleted"',
    );
  });

  it.each([
    ["no HTTP", "HELLO\r\n\r\n", "400 Bad Request"],
    [
      "headers over 16 KiB",
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
      "431 Request Header Fields Too Large",
    ],
    [
      "two lengths",
      "POST /callbacks HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "400 Bad Request",
    ],
  ])("answers %s with the error object and ends the connection", async (_, text, status) => {
    await open();
    const answer = await exchange(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n`));
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))).toMatchObject({
      errorText: status.slice(4),
      errorDetail: expect.any(String),
    });
  });

  it("doesn't read the body of a rejected caller: the connection ends with the answer", async () => {
    await open();
    const answer = await exchange("POST /callbacks HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nhalf");
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n.*connection: close/is);
  });

  it("ends a request whose body takes longer than a minute", async () => {
    const timers = new ManualTimers();
    await open({ timers });
    const headers = `host: x\r\nauthorization: ${CREDENTIALS.authorization}\r\nx-api-key: ${USER.apiKey}\r\n`;
    const ended = exchange(
      `POST /callbacks HTTP/1.1\r\n${headers}content-length: 1000\r\ncontent-type: application/json\r\n\r\n{`,
    );
    while (timers.count === 0) await systemClock.nextTurn();
    timers.advance(59_999);
    expect(timers.count).toBe(1);
    timers.advance(1);
    expect(await ended).toBe("");
    expect(timers.count).toBe(0);
  });
});

it("doesn't end a request that takes long after its body has arrived", async () => {
  const timers = new ManualTimers();
  await open({
    timers,
    async checkEndpoint() {
      timers.advance(120_000);
      return OK;
    },
  });
  const origin = await service.app.listen({ port: 0, host: "127.0.0.1" });
  const body = JSON.stringify({ ...CALLBACK_BODY, name: "new" });
  const headers = { ...JSON_HEADERS, "content-type": "application/json" };
  expect((await fetch(`${origin}/callbacks`, { method: "POST", headers, body })).status).toBe(201);
});

describe("operations", () => {
  const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ url, headers });

  it("/healthz answers without credentials, and /readyz while the store can be written", async () => {
    let isReady = false;
    await open({ isReady: () => isReady });
    expect([(await get("/healthz")).statusCode, (await get("/readyz")).statusCode]).toEqual([200, 503]);
    isReady = true;
    expect([(await get("/readyz")).statusCode, (await get("/readyz")).json()]).toEqual([200, { status: "ready" }]);
  });

  const OTHER_GAUGES = {
    expired: 7,
    paused: 9,
    oldestWaitingAt: Date.UTC(2026, 10, 29),
    deadRows: [{ table: "calls", rows: 8 }],
    oldestSnapshotTransactions: 11,
  };

  it("exports metrics for Prometheus", async () => {
    const handlers: ((attempt: Attempt) => void)[] = [];
    const store = await openStore({ url: ":memory:", clock: systemClock, secretKey: randomBytes(32) });
    await open({
      store: {
        ...store,
        readGauges: async () => ({ waiting: 3, due: 4, openOutages: 1, queuedMails: 2, queuedNotices: 6, ...OTHER_GAUGES }),
      },
      clock: { ...systemClock, now: () => OTHER_GAUGES.oldestWaitingAt + 90_000 },
      onCommit: (handler) => handler(0.02),
      onLeaseLost: (handler) => handler(),
      readDisk: async () => ({ freeBytes: 20, sizeBytes: 80 }),
      egressFailure: () => "the egress proxy timed out",
      countInFlight: () => 5,
      onAttempt: (handler) => void handlers.push(handler),
    });
    handlers[0]?.(anAttempt({ durationMs: 30 }));
    await service.app.inject({
      method: "POST",
      url: "/callbacks/demo/calls",
      headers: JSON_HEADERS,
      payload: { messageId: "m" },
    });
    const { body } = await get("/metrics", CREDENTIALS);
    for (const line of [
      "whcb_accepted_total 1",
      "whcb_calls_waiting 3",
      "whcb_calls_due 4",
      "whcb_in_flight 5",
      "whcb_outages_open 1",
      "whcb_mails_owed 2",
      "whcb_notices_owed 6",
      "whcb_calls_expired 7",
      "whcb_calls_paused 9",
      "whcb_egress_proxy_failing 1",
      "whcb_oldest_waiting_seconds 90",
      'whcb_dead_rows{table="calls"} 8',
      "whcb_oldest_snapshot_transactions 11",
      'whcb_commit_seconds_bucket{le="0.025"} 1',
      "whcb_leases_lost_total 1",
      "whcb_disk_free_bytes 20",
      "whcb_disk_size_bytes 80",
      'whcb_attempt_seconds_bucket{le="0.05",outcome="failure"} 1',
      'whcb_http_request_seconds_count{method="POST",route="/callbacks/:id/calls",status="202"} 1',
    ]) {
      expect(body).toContain(`\n${line}\n`);
    }
  });

  it("counts the calls once a second, however many ask", async () => {
    const store = await openStore({ url: ":memory:", clock: systemClock, secretKey: randomBytes(32) });
    let elapsedMs = 0;
    let reads = 0;
    const readGauges = () => {
      reads += 1;
      return store.readGauges();
    };
    await open({ store: { ...store, readGauges }, clock: { ...systemClock, monotonicMs: () => elapsedMs } });
    const scrape = async () => expect((await get("/metrics", CREDENTIALS)).statusCode).toBe(200);
    await Promise.all([scrape(), scrape(), scrape()]);
    elapsedMs += 900;
    await scrape();
    expect(reads).toBe(1);
    elapsedMs += 100;
    await scrape();
    expect(reads).toBe(2);
  });

  it.each([{}, { "x-forwarded-for": "127.0.0.1" }, { host: "localhost" }])(
    "exports none without credentials: %j",
    async (headers) => {
      await open();
      expect((await service.app.inject({ url: "/metrics", headers })).statusCode).toBe(401);
    },
  );
});

describe("a filter by status codes", () => {
  it("accepts up to a hundred distinct codes and rejects more, since databases limit conditions", async () => {
    await open();
    const codes = Array.from({ length: 101 }, (_, index) => String(100 + index));
    const asked = [codes.slice(1), Array(3000).fill("500"), codes].map((list) =>
      service.app.inject({ url: `/callbacks/demo/calls?statusCode=${list}`, headers: JSON_HEADERS }),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 422]);
  });
});

describe("failures of the service itself", () => {
  const logged: unknown[] = [];
  const note = (fields: object, message: string) => void logged.push({ ...fields, message });
  const logger: Logger = { info: note, warn: note, error: note };

  it("are a plain 500 to the caller, and complete in the log under the request's id", async () => {
    await open({ logger });
    const secret = new Error("SELECT * FROM callbacks -- /home/user/whcb.db");
    service.store.callbacks.list = async () => {
      throw secret;
    };
    const answer = await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, "x-request-id": "r1" } });
    expect([answer.statusCode, answer.json()]).toEqual([
      500,
      {
        errorSummary: "The service failed",
        errorText: "Internal Server Error",
        errorDetail: "See the service's log for the request's id",
      },
    ]);
    expect(logged).toContainEqual({ requestId: "r1", err: secret, message: "request failed" });
  });

  it("that may pass are a 503 with Retry-After, and reveal nothing internal", async () => {
    await open();
    service.store.callbacks.list = async () => {
      throw new WhcbError("unavailable", "disk full: /var/lib/whcb.db");
    };
    const answer = await service.app.inject({ url: "/callbacks", headers: JSON_HEADERS });
    expect([answer.statusCode, answer.headers["retry-after"], answer.json().errorDetail]).toEqual([503, "5", "Try again later"]);
  });

  it.each(["unavailable", "config"] as const)("%s are logged once a second, with the number of the others", async (code) => {
    logged.length = 0;
    let now = 0;
    await open({ logger, clock: { ...systemClock, monotonicMs: () => now } });
    const error = new WhcbError(code, "The database is away");
    service.store.callbacks.list = async () => {
      throw error;
    };
    for (const at of [0, 1, 999, 1_000, 1_001]) {
      now = at;
      await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, "x-request-id": `r${at}` } });
    }
    service.store.callbacks.list = async () => {
      throw new Error("a bug");
    };
    await service.app.inject({ url: "/callbacks", headers: { ...JSON_HEADERS, "x-request-id": "bug" } });
    const message = "request failed";
    expect(logged.filter((line) => JSON.stringify(line).includes(message))).toEqual([
      { requestId: "r0", err: error, message },
      { requestId: "r1000", err: error, message, unlogged: 2 },
      { requestId: "bug", err: expect.any(Error), message, unlogged: 1 },
    ]);
  });

  it("never log a query: it may contain a key", async () => {
    logged.length = 0;
    await open({ logger });
    await service.app.inject({ url: `/callbacks?apikey=${USER.apiKey}`, headers: { authorization: CREDENTIALS.authorization } });
    expect(logged).toMatchObject([{ path: "/callbacks", status: 200 }]);
    expect(JSON.stringify(logged)).not.toContain(USER.apiKey);
  });
});

describe("health checks", () => {
  const logged: unknown[] = [];
  const note = (fields: object) => void logged.push(fields);
  const logger: Logger = { info: note, warn: note, error: note };

  beforeEach(() => {
    logged.length = 0;
  });

  it("are counted and not logged while all is well, as they come every few seconds", async () => {
    await open({ logger });
    for (const path of ["/healthz", "/readyz"]) expect((await service.app.inject(path)).statusCode).toBe(200);
    expect(logged).toEqual([]);
    const metrics = await service.app.inject({ url: "/metrics", headers: JSON_HEADERS });
    expect(metrics.body).toContain('whcb_http_request_seconds_count{method="GET",route="/healthz",status="200"} 1');
  });

  it("are logged when they fail", async () => {
    await open({ logger, isReady: () => false });
    await service.app.inject("/readyz");
    expect(logged).toMatchObject([{ path: "/readyz", status: 503 }]);
  });
});
