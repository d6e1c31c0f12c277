import { afterEach, describe, expect, it } from "vitest";
import { hashApiKey } from "../../../../src/server/auth/credential-hashes.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import {
  BASIC,
  CALLBACK_BODY,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../../../support/server/server-fixture.js";
import { sharedLimits } from "../../../support/server/shared-limits.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const services: Service[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await closeService(service);
});

const JSON_ONLY = { accept: "application/json" };
const HTML = { accept: "text/html,*/*" };

async function open(over: Parameters<typeof openService>[0] = {}) {
  const clock = new VirtualClock();
  const service = await openService({ clock, ...over });
  services.push(service);
  const send = async (route: string, headers: Record<string, string> = {}, payload?: object) => {
    const [method, url = ""] = route.split(" ");
    return service.app.inject({ method: method as "GET", url, headers, ...(payload !== undefined && { payload }) });
  };
  const status = async (...request: Parameters<typeof send>) => (await send(...request)).statusCode;
  return { clock, send, status, store: service.store };
}

describe("a request without the right credentials", () => {
  it("is rejected with what is missing", async () => {
    const { send } = await open();
    const nobody = await send("GET /callbacks", JSON_ONLY);
    expect([nobody.statusCode, nobody.headers["www-authenticate"], nobody.json()]).toMatchObject([
      401,
      expect.stringContaining("Basic"),
      { errorSummary: "The user could not be verified", errorDetail: "Authorization is missing" },
    ]);
    const wrongKey = await send("GET /callbacks", { ...JSON_ONLY, ...CREDENTIALS, "x-api-key": "wrong" });
    expect([wrongKey.statusCode, wrongKey.headers["x-error-code"], wrongKey.json()]).toMatchObject([
      403,
      "ERR_403_DEVELOPER_INACTIVE",
      { errorSummary: "The API key could not be verified", errorDetail: "The API key is wrong" },
    ]);
  });

  it("has to wait after five wrong ones, for whole seconds", async () => {
    const { send, status, clock } = await open();
    const guess = (password: string) => {
      const authorization = `Basic ${Buffer.from(`${USER.username}:${password}`).toString("base64")}`;
      return { ...JSON_ONLY, authorization, "x-api-key": "wrong" };
    };
    for (let time = 0; time < 6; time += 1) {
      expect(await status("GET /callbacks", guess(`wrong ${time}`))).toBe(401);
      if (time === 4) clock.advance(1000);
    }
    clock.advance(999);
    const answer = await send("GET /callbacks", guess("wrong"));
    expect([answer.statusCode, answer.headers["retry-after"], answer.json()]).toMatchObject([
      429,
      "2",
      { errorSummary: "Too many failed logins", errorDetail: "Try again in 2 s" },
    ]);
  });

  it("may read what is open, and the console's pages, which a browser is led to", async () => {
    const { send, status } = await open();
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/console/sign-in"])
      expect([path, await status(`GET ${path}`)]).toEqual([path, 200]);
    expect([await status("POST /healthz"), await status("HEAD /healthz"), await status("GET /metrics")]).toEqual([401, 200, 401]);
    const leads = async (route: string, headers: Record<string, string>) => {
      const { statusCode, headers: sent } = await send(route, headers);
      return sent.location ?? statusCode;
    };
    expect(await leads("GET /", HTML)).toBe("/console");
    expect(await leads("GET /nowhere", HTML)).toBe("/console/nowhere");
    for (const headers of [{}, JSON_ONLY, { ...HTML, authorization: "Basic x" }, { accept: "text/htmlx" }])
      expect([await leads("GET /", headers), await leads("GET /nowhere", headers)]).not.toContainEqual(expect.any(String));
    expect([await leads("POST /", HTML), await leads("POST /nowhere", HTML), await leads("GET /callbacks", HTML)]).toEqual([
      401, 401, 401,
    ]);
  });
});

describe("a request with credentials", () => {
  it("has an answer of the kind that it accepts, which is JSON by default only for tokens", async () => {
    const { send, status } = await open();
    const typeOf = async (route: string, headers = {}) => {
      const { statusCode, headers: sent } = await send(route, { ...CREDENTIALS, ...headers });
      return `${statusCode} ${String(sent["content-type"]).split(";")[0]}`;
    };
    expect(await typeOf("POST /auth")).toMatch(/^200 application\/.*json$/);
    expect(await typeOf("GET /auth/verify")).toMatch(/^200 application\/.*json$/);
    expect(await typeOf("GET /callbacks")).toMatch(/^200 application\/.*xml$/);
    expect(await typeOf("GET /callbacks", JSON_ONLY)).toMatch(/^200 application\/.*json$/);
    const png = { ...CREDENTIALS, accept: "image/png" };
    expect([await status("GET /callbacks", png), await status("GET /metrics", png), await status("GET /nowhere", png)]).toEqual([
      415, 200, 404,
    ]);
    expect((await send("GET /callbacks", png)).body).toContain("Accept");
    expect([await status("GET /callbacks?name=", CREDENTIALS), await status("GET /nowhere?name=", CREDENTIALS)]).toEqual([
      422, 404,
    ]);
  });

  it("may have its key in the query, unless a header has one", async () => {
    const { status } = await open();
    const authorization = { authorization: BASIC };
    expect(await status(`GET /callbacks?apikey=${USER.apiKey}`, authorization)).toBe(200);
    expect(await status("GET /callbacks?apikey=wrong", authorization)).toBe(403);
    expect(await status(`GET /callbacks?apikey=${USER.apiKey}&apikey=x`, authorization)).toBe(403);
    expect(await status("GET /callbacks?apikey=wrong", CREDENTIALS)).toBe(200);
  });

  it("changes nothing once the service stops", async () => {
    let isReady = true;
    const { send, status } = await open({ isReady: () => isReady });
    const callback = (name: string) => ({ ...CALLBACK_BODY, name });
    expect(await status("POST /callbacks", CREDENTIALS, callback("one"))).toBe(201);
    isReady = false;
    const answer = await send("POST /callbacks", { ...CREDENTIALS, ...JSON_ONLY }, callback("two"));
    expect([answer.statusCode, answer.json()]).toMatchObject([503, { errorDetail: "Try again later" }]);
    expect([await status("GET /callbacks", CREDENTIALS), await status("POST /console/sign-in")]).toEqual([200, 503]);
    expect((await send("GET /callbacks", { ...CREDENTIALS, ...JSON_ONLY })).body).not.toContain('"two"');
  });

  it("is in the audit with its user, way and address", async () => {
    const { status, store } = await open();
    expect(await status("POST /callbacks", CREDENTIALS, CALLBACK_BODY)).toBe(201);
    const authors = (await store.audit.list({ limit: 9, offset: 0 })).items.map(({ user, via, address }) => ({
      user,
      via,
      address,
    }));
    expect(authors).toEqual([{ user: USER.username, via: "api", address: "127.0.0.1" }]);
  });

  it("is of the local user where nobody else can send one", async () => {
    const { status, store } = await open({ localUser: "ada@desk" });
    expect(await status("POST /callbacks", {}, CALLBACK_BODY)).toBe(201);
    const authors = (await store.audit.list({ limit: 9, offset: 0 })).items.map(({ user, via, address }) => ({
      user,
      via,
      address,
    }));
    expect(authors).toEqual([{ user: "ada@desk", via: "database", address: null }]);
    expect([await status("GET /callbacks", { accept: "image/png" }), await status("POST /console/code")]).toEqual([415, 422]);
  });

  it("finds only the routes of operation in a service without the API", async () => {
    const { status } = await open({ hasApi: false });
    expect([await status("GET /callbacks"), await status("GET /healthz"), await status("GET /metrics")]).toEqual([404, 200, 401]);
    expect([await status("GET /metrics", CREDENTIALS), await status("GET /", HTML)]).toEqual([200, 404]);
  });
});

describe("a token, and a code to sign in", () => {
  it("are issued for a password, not for a token", async () => {
    const { send, status, clock, store } = await open();
    const issued = await send("POST /auth", CREDENTIALS);
    expect([issued.headers.location, issued.json()]).toEqual([
      "http://localhost/auth/verify",
      { token: expect.any(String), link: [] },
    ]);
    const bearer = { authorization: `Bearer ${issued.json().token}`, "x-api-key": USER.apiKey };
    expect((await send("GET /auth/verify", bearer)).json()).toEqual({ status: "valid", link: [] });
    for (const [route, issuedFor] of [
      ["POST /auth", "A token"],
      ["POST /console/code", "A code to sign in"],
    ] as const) {
      const answer = await send(route, { ...bearer, ...JSON_ONLY });
      expect([answer.statusCode, answer.json()]).toMatchObject([
        401,
        { errorDetail: `${issuedFor} is issued for a user and a password: use Basic` },
      ]);
    }
    const code = await send("POST /console/code", {
      ...CREDENTIALS,
      authorization: BASIC.toUpperCase().slice(0, 6) + BASIC.slice(6),
    });
    expect([code.statusCode, code.headers["content-type"], code.json()]).toEqual([
      201,
      "application/json",
      { code: expect.stringMatching(/^\w{4}-\w{4}-\w{4}$/), expiresAt: new Date(clock.now() + 300_000).toISOString() },
    ]);
    await store.credentials.remove(USER.username);
    clock.advance(501);
    expect(await status("POST /auth", CREDENTIALS)).toBe(401);
  });

  it("can be tested with the root, which links to the callbacks", async () => {
    const { send } = await open();
    expect((await send("GET /", { ...CREDENTIALS, ...JSON_ONLY })).json()).toEqual({
      status: "valid",
      link: [expect.objectContaining({ rel: "callbacks", method: "GET", uri: expect.stringMatching(/\/callbacks$/) })],
    });
  });
});

it("a request over the plan's limits has the platform's answer", async () => {
  const { send, status, clock } = await open({ plan: "startup" });
  for (let count = 0; count < 5; count += 1) expect(await status("GET /auth/verify", CREDENTIALS)).toBe(200);
  const { statusCode, headers, json } = await send("GET /auth/verify", CREDENTIALS);
  const detail = "Account Over Queries Per Second Limit";
  expect(json()).toMatchObject({ errorSummary: "The plan's limit is reached", errorDetail: detail });
  expect({ statusCode, headers }).toMatchObject({
    statusCode: 403,
    headers: { "x-error-code": "ERR_403_DEVELOPER_OVER_QPS", "x-error-detail": detail, "retry-after": "1" },
  });
  clock.advance(1000);
  expect(await status("GET /auth/verify", CREDENTIALS)).toBe(200);
});

it("a request over the plan's day is told to wait for the next one, by what all nodes have counted", async () => {
  const limits = sharedLimits();
  const clock = new VirtualClock(Date.UTC(2030, 0, 1, 12));
  const store = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32) });
  const [second, day] = [clock.now() / 1000, Math.floor(clock.now() / 86_400_000)];
  limits.stored.set(`plan ${hashApiKey(USER.apiKey)}`, { state: [second, 1, day, 10_000], expiresAt: 0 });
  const { send } = await open({ clock, plan: "startup", store: { ...store, nodes: limits.store } as Store });
  const { statusCode, headers, json } = await send("GET /auth/verify", CREDENTIALS);
  const detail = "Account Over Queries Per Day Limit";
  expect([statusCode, json()]).toMatchObject([403, { errorDetail: detail }]);
  expect(headers).toMatchObject({
    ...{ "x-error-code": "ERR_403_DEVELOPER_OVER_QPD", "x-error-detail": detail, "retry-after": String(12 * 3600) },
  });
});
