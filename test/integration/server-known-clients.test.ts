/**
 * Existing clients of the platform rely on this: each case was seen in an SDK, a collection or an integration (docs/contract.md).
 */
import { afterEach, describe, expect, it } from "vitest";
import type { ServerDeps } from "../../src/server/server-deps.js";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import {
  CALLBACK_BODY,
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
} from "../support/server/server-fixture.js";
import { fetchPending } from "../support/store/waiting-calls.js";

const ID = "0123456789ABCDEF";
const JSON_HEADERS = { ...CREDENTIALS, accept: "application/json" };

let service: Service;

async function open(overrides: Partial<ServerDeps> = {}): Promise<void> {
  service = await openService(overrides);
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
}

afterEach(() => closeService(service));

const get = (url: string, headers: Record<string, string> = JSON_HEADERS) => service.app.inject({ url, headers });

describe("requests", () => {
  it("GET / answers 200 with valid credentials, and 401 without", async () => {
    await open();
    expect([(await get("/")).statusCode, (await get("/", {})).statusCode]).toEqual([200, 401]);
  });

  it("POST /auth and GET of a callback have a Location", async () => {
    await open();
    const token = await service.app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS });
    const callback = await get("/callbacks/demo");
    expect([
      [token.statusCode, token.headers["content-type"], token.headers.location],
      [callback.statusCode, callback.headers.location],
    ]).toEqual([
      [200, "application/vnd.whispir.auth-v1+json", "http://localhost/auth/verify"],
      [200, `http://localhost/callbacks/${ID}`],
    ]);
  });

  it("an unknown path is 404, and a wrong method 405, whatever Accept says", async () => {
    await open();
    const headers = { ...CREDENTIALS, accept: "text/html" };
    const wrongMethod = await service.app.inject({ method: "DELETE", url: "/callbacks", headers });
    expect([
      (await get("/nope", headers)).statusCode,
      wrongMethod.statusCode,
      (await get("/callbacks", headers)).statusCode,
    ]).toEqual([404, 405, 415]);
  });

  it.each(["/healthz", "/readyz", "/openapi.json", "/auth/verify", "/callbacks", `/callbacks/${ID}/calls`])(
    "a trailing slash changes nothing: %s",
    async (path) => {
      await open();
      for (const headers of [{}, CREDENTIALS]) {
        const [plain, slashed] = [await get(path, headers), await get(`${path}/`, headers)];
        expect([slashed.statusCode, slashed.headers["content-type"]]).toEqual([plain.statusCode, plain.headers["content-type"]]);
      }
    },
  );

  it.each([
    ["{", JSON.stringify({ status: "SUCCESS" }), 204],
    ["<", "<ns2:call xmlns:ns2='http://schemas.api.whispir.com'><status>SUCCESS</status></ns2:call>", 204],
    ["white space", ' \r\n\t{"status":"SUCCESS"}', 204],
    ["anything else", "status=SUCCESS", 415],
  ])("a body without a Content-Type that begins with %s", async (_, payload, status) => {
    await open();
    await service.app.inject({ method: "POST", url: "/callbacks/demo/calls", headers: JSON_HEADERS, payload: { id: "A" } });
    const answer = await service.app.inject({
      method: "PUT",
      url: "/callbacks/demo/calls?id=A",
      headers: { ...JSON_HEADERS, "content-length": String(payload.length) },
      payload: Buffer.from(payload),
    });
    expect(answer.statusCode).toBe(status);
  });

  it("JSON answers have no charset in their Content-Type", async () => {
    await open();
    const answers = [await get("/callbacks"), await get("/callbacks/nope"), await get("/healthz"), await get("/openapi.json")];
    expect(answers.map(({ headers }) => headers["content-type"])).toEqual(answers.map(() => "application/json"));
    const vendor = await get("/callbacks", { ...CREDENTIALS, accept: "application/vnd.whispir.api-callback-v1+json" });
    expect(vendor.headers["content-type"]).toBe("application/vnd.whispir.api-callback-v1+json");
  });

  it.each([
    ["/callbacks", null, "500"],
    ["/callbacks/demo", null, "500"],
    ["/callbacks/demo/calls", null, "500"],
    ["/outages", null, "500"],
    ["/callbacks/demo/calls", "business", "20"],
  ] as const)("%s with plan %s says its largest page in X-Max-Limit", async (path, plan, largest) => {
    await open({ plan });
    expect((await get(path)).headers["x-max-limit"]).toBe(largest);
  });
});

describe("callbacks", () => {
  const { removeHTML, retriesEnabled, callbacks, ...required } = CALLBACK_BODY;

  it("are created from the required members alone", async () => {
    await open();
    const payload = { ...required, name: "minimal", auth: { type: "queryparam" } };
    const answer = await service.app.inject({ method: "POST", url: "/callbacks", headers: JSON_HEADERS, payload });
    expect([answer.statusCode, answer.json()]).toEqual([
      201,
      {
        ...payload,
        id: expect.any(String),
        auth: { type: "queryparam", key: "" },
        removeHTML: "disabled",
        retriesEnabled: false,
        state: "idle",
        waitingSince: null,
        callbacks: { reply: "disabled", undeliverable: "disabled" },
        link: expect.any(Array),
      },
    ]);
  });

  it.each([{ reply: "enabled" }, { undeliverable: "enabled" }, { reply: "enabled", undeliverabel: "enabled" }])(
    "are created with events %j: one that is left out or misspelt is disabled",
    async (events) => {
      await open();
      const payload = { ...CALLBACK_BODY, name: "other", callbacks: events };
      const answer = await service.app.inject({ method: "POST", url: "/callbacks", headers: JSON_HEADERS, payload });
      const { reply = "disabled", undeliverable = "disabled" }: { reply?: string; undeliverable?: string } = events;
      expect([answer.statusCode, answer.json().callbacks]).toEqual([201, { reply, undeliverable }]);
    },
  );

  it.each([{}, { auth: {} }, { callbacks: {} }, { auth: { type: "httpheader" }, retriesEnabled: true }, { unknown: "member" }])(
    "keep what a PUT of %j leaves out",
    async (payload) => {
      await open();
      const before = (await get("/callbacks/demo")).json();
      const answer = await service.app.inject({ method: "PUT", url: "/callbacks/demo", headers: JSON_HEADERS, payload });
      expect([answer.statusCode, (await get("/callbacks/demo")).json()]).toEqual([204, before]);
    },
  );

  it("change the one member that a PUT has", async () => {
    await open();
    const before = (await get("/callbacks/demo")).json();
    const payload = { callbacks: { reply: "disabled" }, auth: { key: "" } };
    await service.app.inject({ method: "PUT", url: "/callbacks/demo", headers: JSON_HEADERS, payload });
    expect((await get("/callbacks/demo")).json()).toEqual({
      ...before,
      auth: { type: "httpheader", key: "" },
      callbacks: { reply: "disabled", undeliverable: "enabled" },
    });
  });
});

describe("calls", () => {
  it("list and deliver nothing that was not submitted", async () => {
    await open();
    const submitted = { id: "A", from: { mobile: "61400000000" }, responseMessage: { channel: "SMS", content: "Yes" } };
    await service.app.inject({ method: "POST", url: "/callbacks/demo/calls", headers: JSON_HEADERS, payload: submitted });
    await service.app.inject({ method: "POST", url: "/callbacks/demo/calls", headers: JSON_HEADERS, payload: { id: "B" } });
    const { link: _, changedDate, submittedDate, ...listed } = (await get("/callbacks/demo/calls/A")).json();
    expect(listed).toEqual({
      ...submitted,
      status: "PENDING",
      callback: { id: ID, name: "demo", url: CALLBACK_SETTINGS.url },
      attemptCount: 0,
    });
    expect(submittedDate).toBe(changedDate);
    expect(Date.parse(changedDate)).toBeLessThanOrEqual(Date.now());
    const [first, second] = await fetchPending(service.store, ID, 10);
    const bodies = [first, second].map((call) => call && JSON.parse(deliveryBody(CALLBACK_SETTINGS, call.response)));
    expect(bodies).toEqual([{ from: { mobile: "61400000000" }, responseMessage: { channel: "SMS", content: "Yes" } }, {}]);
    const xml = await get("/callbacks/demo/calls?status=PENDING", { ...CREDENTIALS, accept: "application/xml" });
    expect(xml.body).not.toMatch(/<(\w+)><\/\1>|<\w+\/>/);
  });

  it("have paging links with child elements in XML", async () => {
    await open();
    const payload = { calls: [{ id: "A" }, { id: "B" }, { id: "C" }] };
    await service.app.inject({ method: "POST", url: "/callbacks/demo/calls", headers: JSON_HEADERS, payload });
    const { body } = await get("/callbacks/demo/calls?status=PENDING&limit=1&offset=1", {
      ...CREDENTIALS,
      accept: "application/xml",
    });
    expect(body).toMatch(/<ns2:link><uri>http:[^<]*cursor=[^<]*<\/uri><rel>next<\/rel><method>GET<\/method>.*?<\/ns2:link>/);
    expect(body).toMatch(/<ns2:link><uri>http:[^<]*<\/uri><rel>prev<\/rel><method>GET<\/method>.*?<\/ns2:link><\/ns2:return>$/);
  });
});
