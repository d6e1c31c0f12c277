import crypto, { createHmac } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { inNetworks } from "../../src/delivery/address-rule.js";
import type { Clock } from "../../src/platform/clock.js";
import { systemClock } from "../../src/platform/clock.js";
import { silentLogger } from "../../src/platform/logger.js";
import { systemRandom } from "../../src/platform/random.js";
import { makeCredential } from "../../src/server/auth/credential-hashes.js";
import { type GuessHeaders, guessPasswords } from "../support/attack/guess-passwords.js";
import {
  BASIC,
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";

const ROUTES = [
  "GET /callbacks",
  "POST /callbacks",
  "GET /callbacks/demo",
  "PUT /callbacks/demo",
  "DELETE /callbacks/demo",
  "GET /callbacks/demo/calls",
  "POST /callbacks/demo/calls",
  "PUT /callbacks/demo/calls?id=A",
  "GET /callbacks/demo/calls/A",
  "PUT /callbacks/demo/calls/A",
  "GET /callbacks/demo/calls/A/attempts",
  "POST /callbacks/demo/replays?status=FAILED",
  "GET /outages",
  "GET /audit",
  "POST /auth",
  "GET /auth/verify",
  "GET /nowhere",
  "PATCH /callbacks",
  "HEAD /callbacks",
] as const;

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;

const PRESENTED: readonly (readonly [what: string, headers: Record<string, string>, status: number])[] = [
  ["nothing", {}, 401],
  ["a key alone", { "x-api-key": USER.apiKey }, 401],
  ["an unknown scheme", { "x-api-key": USER.apiKey, authorization: "Digest abc" }, 401],
  ["a password alone", { authorization: BASIC }, 403],
  ["an empty key", { authorization: BASIC, "x-api-key": "" }, 403],
  ["a wrong key", { authorization: BASIC, "x-api-key": `${USER.apiKey}x` }, 403],
  [
    "the password and a NUL behind it",
    { authorization: basic(`${USER.username}:${USER.password}\0`), "x-api-key": USER.apiKey },
    401,
  ],
  ["a wrong password", { authorization: basic("demo:wrong"), "x-api-key": USER.apiKey }, 401],
  ["another user", { authorization: basic("nobody:correct horse"), "x-api-key": USER.apiKey }, 401],
  ["no base64", { authorization: "Basic ???", "x-api-key": USER.apiKey }, 401],
  ["a token that is none", { authorization: "Bearer abc.def", "x-api-key": USER.apiKey }, 401],
];

describe("without valid credentials", () => {
  let service: Service;
  // The clock advances a day per request, so that failed logins don't slow the matrix down.
  let now = Date.UTC(2026, 0, 1);
  const clock: Clock = { ...systemClock, now: () => (now += 86_400_000) };

  beforeAll(async () => {
    service = await openService({ clock });
    await service.store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, 0);
  });
  afterAll(() => closeService(service));

  it.each(PRESENTED)("every route rejects %s", async (_, headers, status) => {
    const answers = [];
    for (const route of ROUTES) {
      const [method, url] = route.split(" ");
      const payload = method === "GET" || method === "HEAD" ? undefined : "{}";
      const answer = await service.app.inject({
        method: method as "GET",
        url: url ?? "",
        headers: { accept: "application/json", "content-type": "application/json", ...headers },
        ...(payload !== undefined && { payload }),
      });
      const challenge = answer.headers["www-authenticate"] !== undefined;
      const text = method === "HEAD" ? "none" : answer.json().errorText;
      answers.push([route, answer.statusCode, challenge, text]);
    }
    const text = status === 401 ? "Unauthorized" : "Forbidden";
    expect(answers).toEqual(ROUTES.map((route) => [route, status, status === 401, route.startsWith("HEAD") ? "none" : text]));
    expect(await service.store.callbacks.find("demo")).toMatchObject({ ...CALLBACK_SETTINGS });
    expect(service.work).toEqual([]);
  });
});

describe("with valid credentials", () => {
  let service: Service;
  beforeAll(async () => {
    service = await openService();
  });
  afterAll(() => closeService(service));
  const get = (url: string, headers: Record<string, string>) => service.app.inject({ url, headers });

  it("accepts header names and the scheme in any case, and a password with colons", async () => {
    const odd = { username: "o:dd".slice(0, 1), password: "a:b:c", apiKey: "key-of-o" };
    await service.store.credentials.save(await makeCredential(odd, systemRandom), 0);
    const fresh = await openService({ store: service.store });
    expect(
      (
        await fresh.app.inject({
          url: "/callbacks",
          headers: { Authorization: BASIC.replace("Basic", "BASIC"), "X-API-Key": USER.apiKey },
        })
      ).statusCode,
    ).toBe(200);
    expect(
      (await fresh.app.inject({ url: "/callbacks", headers: { authorization: basic("o:a:b:c"), "x-api-key": odd.apiKey } }))
        .statusCode,
    ).toBe(200);
    await fresh.app.close();
  });

  it("accepts the key in the query, as the platform once did, and then includes it in the links", async () => {
    const answer = await get(`/callbacks?apikey=${USER.apiKey}&limit=1`, { authorization: BASIC });
    expect(answer.statusCode).toBe(200);
    await service.store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, 0);
    const listed = await get(`/callbacks/demo?apikey=${USER.apiKey}`, { authorization: BASIC, accept: "application/json" });
    expect(listed.json().link[0].uri).toBe(`http://localhost/callbacks/0123456789ABCDEF?apikey=${USER.apiKey}`);
    const byHeader = await get("/callbacks/demo", { ...CREDENTIALS, accept: "application/json" });
    expect(byHeader.body).not.toContain(USER.apiKey);
    const both = await get(`/callbacks/demo?apikey=${USER.apiKey}`, { ...CREDENTIALS, accept: "application/json" });
    expect(both.body).not.toContain(USER.apiKey);
  });

  it("issues a token for a password, valid for an hour and for that user only", async () => {
    let now = Date.UTC(2026, 0, 1);
    const clock: Clock = { ...systemClock, now: () => now };
    const { app } = await openService({ store: service.store, clock });
    const issued = await app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS });
    expect([issued.statusCode, issued.headers["content-type"], Object.keys(issued.json())]).toEqual([
      200,
      "application/vnd.whispir.auth-v1+json",
      ["token", "link"],
    ]);
    const { token } = issued.json();
    const bearer = { authorization: `Bearer ${token}`, "x-api-key": USER.apiKey };
    const verify = async (headers: Record<string, string>) => (await app.inject({ url: "/auth/verify", headers })).statusCode;
    const forged = `${token.slice(0, -2)}${token.endsWith("AA") ? "BB" : "AA"}`;
    expect([
      await verify(bearer),
      (await app.inject({ url: "/callbacks", headers: bearer })).statusCode,
      await verify({ ...bearer, "x-api-key": "other" }),
      await verify({ ...bearer, authorization: `Bearer ${forged}` }),
      (await app.inject({ method: "POST", url: "/auth", headers: bearer })).statusCode,
    ]).toEqual([200, 200, 403, 401, 401]);
    const code = await app.inject({ method: "POST", url: "/console/code", headers: { ...bearer, accept: "application/json" } });
    expect([code.statusCode, code.json().errorDetail]).toEqual([
      401,
      "A code to sign in is issued for a user and a password: use Basic",
    ]);
    now += 3_599_999;
    expect(await verify(bearer)).toBe(200);
    now += 1;
    expect(await verify(bearer)).toBe(401);
    await app.close();
  });

  it("accepts no token that who reads the database could sign with what is stored", async () => {
    const [{ passwordHash = "" } = {}] = await service.store.credentials.list();
    const claim = Buffer.from(JSON.stringify([USER.username, Date.now() + 60_000])).toString("base64url");
    for (const text of [`token:${claim}`, `token ${passwordHash} ${claim}`]) {
      const signature = createHmac("sha256", passwordHash).update(text).digest("base64url");
      const bearer = { authorization: `Bearer ${claim}.${signature}`, "x-api-key": USER.apiKey };
      expect((await service.app.inject({ url: "/auth/verify", headers: bearer })).statusCode).toBe(401);
    }
  });

  it("accepts a token on another node of the same store, but not after the password has changed", async () => {
    const { token } = (await service.app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS })).json();
    const bearer = { authorization: `Bearer ${token}`, "x-api-key": USER.apiKey };
    const node = await openService({ store: service.store });
    expect((await node.app.inject({ url: "/auth/verify", headers: bearer })).statusCode).toBe(200);
    await node.app.close();
    const later = await openService({ store: service.store });
    await service.store.credentials.save(await makeCredential({ ...USER, password: "new" }, systemRandom), 1);
    expect((await later.app.inject({ url: "/auth/verify", headers: bearer })).statusCode).toBe(401);
    await later.app.close();
  });
});

describe("a removed user", () => {
  async function openAt(start: number) {
    let now = start;
    const service = await openService({ clock: { ...systemClock, now: () => now, monotonicMs: () => now } });
    const login = async (headers: Record<string, string> = CREDENTIALS) =>
      (await service.app.inject({ url: "/auth/verify", headers })).statusCode;
    return { service, login, pass: (ms: number) => (now += ms) };
  }

  it("is rejected half a second later, though the login is cached", async () => {
    const { service, login, pass } = await openAt(Date.UTC(2026, 0, 1));
    expect(await login()).toBe(200);
    await service.store.credentials.remove(USER.username);
    pass(500);
    expect(await login()).toBe(200);
    pass(1);
    expect([await login(), service.work]).toEqual([401, []]);
    await closeService(service);
  });

  it("isn't cached by a login that was being checked meanwhile", async () => {
    const { service, login, pass } = await openAt(Date.UTC(2026, 0, 1));
    expect(await login({ authorization: "Basic x", "x-api-key": "x" })).toBe(401);
    const slow = login();
    await service.store.credentials.remove(USER.username);
    pass(501);
    expect(await login({ authorization: "Basic x", "x-api-key": "x" })).toBe(401);
    expect([await slow, await login()]).toEqual([200, 401]);
    await closeService(service);
  });

  it("gets nothing more stored by a stream of lines that goes on", async () => {
    const { service, pass } = await openAt(Date.UTC(2026, 0, 1));
    const { id } = await service.store.callbacks.create("00112233445566AA", CALLBACK_SETTINGS, 0);
    const line = `${JSON.stringify({ from: { mobile: "61491570156" }, responseMessage: { channel: "SMS", content: "x" } })}\n`;
    async function* lines() {
      yield line.repeat(1_000);
      while (service.work.length === 0) await systemClock.nextTurn();
      await service.store.credentials.remove(USER.username);
      pass(501);
      yield line.repeat(3);
    }
    const headers = { ...CREDENTIALS, "content-type": "application/x-ndjson", accept: "application/json" };
    const payload = Readable.from(lines());
    const answer = await service.app.inject({ method: "POST", url: `/callbacks/${id}/calls`, headers, payload });
    expect([answer.statusCode, await service.store.calls.count(id)]).toEqual([401, { PENDING: 1_000, SUCCESS: 0, FAILED: 0 }]);
    await closeService(service);
  });

  it("keeps nobody out while the list can't be read, once it can be again", async () => {
    const { service, login, pass } = await openAt(Date.UTC(2026, 0, 1));
    const { list } = service.store.credentials;
    expect(await login()).toBe(200);
    service.store.credentials.list = () => Promise.reject(new Error("no"));
    pass(501);
    expect(await login()).toBe(500);
    service.store.credentials.list = list;
    expect(await login()).toBe(200);
    await closeService(service);
  });
});

it("warns once of a short password and of a short key of a user who was added", async () => {
  const warned: unknown[] = [];
  const service = await openService({ logger: { ...silentLogger, warn: (...line) => void warned.push(line) } });
  const old = { username: "old", password: "elevenchars", apiKey: "short" };
  await service.store.credentials.save(await makeCredential(old, systemRandom, "added"), 0);
  const started = { username: "started", password: "elevenchars", apiKey: "short too" };
  await service.store.credentials.save(await makeCredential(started, systemRandom), 0);
  for (const { username, password, apiKey } of [old, started, USER]) {
    for (const path of ["/callbacks", "/auth/verify"]) {
      const headers = { authorization: basic(`${username}:${password}`), "x-api-key": apiKey };
      expect((await service.app.inject({ url: path, headers: { ...headers, accept: "*/*" } })).statusCode).toBe(200);
    }
  }
  expect(warned).toEqual([
    [{ user: "old" }, "The password has fewer than 12 characters and can be guessed: whcb users passwd"],
    [{ user: "old" }, "The API key has fewer than 12 characters and can be guessed: whcb users passwd --new-key"],
  ]);
  await closeService(service);
});

describe("failed logins", () => {
  const stopped: Clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1) };

  it("are slowed after five, for that user from that address only, until the wait is over", async () => {
    let now = Date.UTC(2026, 0, 1);
    const clock: Clock = { ...systemClock, now: () => now };
    const service = await openService({ clock });
    const login = async (password: string) => {
      const answer = await service.app.inject({
        url: "/callbacks",
        headers: { authorization: basic(`demo:${password}`), "x-api-key": USER.apiKey },
      });
      return [answer.statusCode, answer.headers["retry-after"]];
    };
    for (let failure = 1; failure <= 5; failure++) expect(await login(`wrong${failure}`)).toEqual([401, undefined]);
    expect(await login("wrong6")).toEqual([429, "1"]);
    expect(await login(USER.password)).toEqual([429, "1"]);
    now += 1000;
    expect(await login("wrong7")).toEqual([401, undefined]);
    expect(await login("wrong8")).toEqual([429, "2"]);
    now += 2000;
    expect(await login(USER.password)).toEqual([200, undefined]);
    expect(await login("wrong9")).toEqual([401, undefined]);
    expect(await login("wrong10")).toEqual([401, undefined]);
    await closeService(service);
  });

  it("don't lock out a user who has logged in before with the same password", async () => {
    let now = Date.UTC(2026, 0, 1);
    const service = await openService({ clock: { ...systemClock, now: () => now } });
    const login = async (password: string) => {
      const headers = { authorization: basic(`demo:${password}`), "x-api-key": USER.apiKey };
      return (await service.app.inject({ url: "/auth/verify", headers })).statusCode;
    };
    expect(await login(USER.password)).toBe(200);
    now += 3_600_000; // The failures are long forgotten.
    for (let guess = 1; guess <= 5; guess++) expect(await login(`guess${guess}`)).toBe(401);
    expect([await login("guess6"), await login(USER.password)]).toEqual([429, 200]);
    await closeService(service);
  });

  it("from one address don't block those from another, however many arrive at once", async () => {
    const service = await openService();
    const login = async (pair: string, remoteAddress: string) => {
      const headers = { authorization: basic(pair), "x-api-key": USER.apiKey };
      return (await service.app.inject({ url: "/auth/verify", headers, remoteAddress })).statusCode;
    };
    const guesses = Array.from({ length: 20 }, (_, index) => login(`nobody${index}:guess`, "203.0.113.5"));
    expect(await login(`demo:${USER.password}`, "203.0.113.6")).toBe(200);
    const refused = (await Promise.all(guesses)).toSorted();
    expect(refused).toEqual([...Array(4).fill(401), ...Array(16).fill(429)]);
    await closeService(service);
  });

  const loginFrom =
    ({ app }: Service, remoteAddress: string) =>
    async (headers: GuessHeaders) =>
      (await app.inject({ url: "/auth/verify", headers: { ...headers }, remoteAddress })).statusCode;

  it("from two addresses don't lock out the first correct login from a third", async () => {
    const service = await openService({ clock: stopped });
    const guesses = ["203.0.113.5", "203.0.113.6"].map((address) => guessPasswords(loginFrom(service, address), USER));
    expect(await loginFrom(service, "203.0.113.7")(CREDENTIALS)).toBe(200);
    const limited = { 401: 20, 429: 80 };
    expect(await Promise.all(guesses)).toEqual([limited, limited]);
    await closeService(service);
  });

  it("with wrong keys are limited like those with wrong passwords, and keep nobody else out", async () => {
    let now = Date.UTC(2026, 0, 1);
    const service = await openService({ clock: { ...systemClock, now: () => now } });
    const [attacker, other] = ["203.0.113.5", "203.0.113.6"].map((address) => loginFrom(service, address));
    expect(await attacker?.(CREDENTIALS)).toBe(200);
    now += 3_600_000; // The failures are long forgotten.
    const guesses = { apiKey: (guess: number) => `guess-${guess}` };
    expect(await guessPasswords(loginFrom(service, "203.0.113.5"), guesses)).toEqual({ 401: 20, 429: 80 });
    const wrongKey = { ...CREDENTIALS, "x-api-key": "guess" };
    expect([await attacker?.(wrongKey), await attacker?.(CREDENTIALS), await other?.(CREDENTIALS)]).toEqual([429, 200, 200]);
    await closeService(service);
  });

  it("keep nobody out at the same address who has the user's own key or a token", async () => {
    const service = await openService({ clock: stopped });
    const { token } = (await service.app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS })).json();
    const login = loginFrom(service, "203.0.113.5");
    const wrong = { authorization: basic("demo:wrong"), "x-api-key": "guess" };
    for (let guess = 0; guess < 5; guess++) expect(await login(wrong)).toBe(401);
    await guessPasswords(login, { apiKey: (guess) => `guess-${guess}` });
    expect(await login(wrong)).toBe(429);
    const restarted = loginFrom(await openService({ store: service.store, clock: stopped }), "203.0.113.5");
    await guessPasswords(restarted, { apiKey: (guess) => `guess-${guess}` });
    const bearer = { authorization: `Bearer ${token}`, "x-api-key": USER.apiKey };
    expect([await login(bearer), await restarted(bearer), await restarted(CREDENTIALS)]).toEqual([200, 200, 200]);
    await closeService(service);
  });

  it("with the user's own key or a token are limited as well", async () => {
    const service = await openService({ clock: stopped });
    const { token } = (await service.app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS })).json();
    const statuses = async (address: string, headersOf: (guess: number) => GuessHeaders) => {
      const login = loginFrom(service, address);
      await guessPasswords(login, { apiKey: (guess) => `guess-${guess}`, guesses: 30 });
      const answers = [];
      for (let guess = 0; guess < 10; guess++) answers.push(await login(headersOf(guess)));
      return answers;
    };
    const passwords = (guess: number) => ({ ...CREDENTIALS, authorization: basic(`demo:guess-${guess}`) });
    const keys = (guess: number) => ({ authorization: `Bearer ${token}`, "x-api-key": `key-${guess}` });
    const limited = Array(10).fill(429);
    expect([await statuses("203.0.113.5", passwords), await statuses("203.0.113.6", keys)]).toEqual([limited, limited]);
    // Five were checked, so the right credentials aren't any more.
    expect(await loginFrom(service, "203.0.113.5")({ ...CREDENTIALS, authorization: BASIC.replace("Basic", "basic") })).toBe(429);
    expect(await loginFrom(service, "203.0.113.6")({ ...keys(0), "x-api-key": USER.apiKey })).toBe(429);
    await closeService(service);
  });

  it("have the same answers with the user's own key as with a wrong one, limited or not", async () => {
    let now = Date.UTC(2026, 0, 1);
    const service = await openService({ clock: { ...systemClock, now: () => now } });
    const answersTo = async (apiKey: string, remoteAddress: string) => {
      const answers: unknown[] = [];
      const guess = async (key: string) => {
        const headers = { authorization: basic("demo:wrong"), "x-api-key": key };
        const { statusCode, headers: sent } = await service.app.inject({ url: "/auth/verify", headers, remoteAddress });
        answers.push([statusCode, sent["retry-after"]]);
      };
      for (let time = 0; time < 5; time++) await guess("another wrong one");
      for (const passedMs of [0, 0, 0, 0, 999, 1, 0, 1000, 1000, 4000, 500, 8000]) {
        now += passedMs;
        await guess(apiKey);
      }
      return answers;
    };
    const ofWrong = await answersTo("a-wrong-key", "203.0.113.5");
    expect(await answersTo(USER.apiKey, "203.0.113.6")).toEqual(ofWrong);
    expect(new Set(ofWrong.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(3);
    await closeService(service);
  });

  it("don't tell a right key from a wrong one, whatever limit is used up", async () => {
    const service = await openService({ clock: stopped });
    await service.store.credentials.save(await makeCredential({ ...USER, username: "o", apiKey: "key-of-o" }, systemRandom), 0);
    const answersTo = async (authorization: string, address: string) => {
      const answers = [USER.apiKey, "key-of-o", "a-wrong-key"].map(async (apiKey, index) => {
        const headers = { authorization, "x-api-key": apiKey, accept: "application/json" };
        const answer = await service.app.inject({ url: "/callbacks", headers, remoteAddress: `${address}${index}` });
        const { "x-request-id": _, date: __, ...shown } = answer.headers;
        return JSON.stringify([answer.statusCode, shown, answer.body]);
      });
      return [...new Set(await Promise.all(answers))];
    };
    const wrong = [basic("demo:wrong"), basic("nobody:wrong"), "Basic ???", "Bearer abc.def", "Digest abc"];
    for (const [index, authorization] of wrong.entries()) {
      expect(await answersTo(authorization, `203.0.113.${index}`)).toEqual([expect.stringMatching(/^\[401,/)]);
    }
    // A token makes the guesses cheap, as none costs a hash.
    const { token } = (await service.app.inject({ method: "POST", url: "/auth", headers: CREDENTIALS })).json();
    const guesses: number[] = [];
    for (let address = 0; address < 250; address++) {
      const login = loginFrom(service, `198.51.100.${address}`);
      guesses.push(await login({ authorization: `Bearer ${token}`, "x-api-key": `guess-${address}` }));
    }
    expect([guesses[0], guesses.at(-1)]).toEqual([403, 401]);
    expect(await answersTo(basic("demo:wrong"), "203.0.113.10")).toEqual([expect.stringMatching(/^\[401,/)]);
    expect(await loginFrom(service, "203.0.113.200")(CREDENTIALS)).toBe(200);
    await closeService(service);
  });

  it("can't be spread over addresses that a client only claims in X-Forwarded-For", async () => {
    const service = await openService({ clock: stopped, isTrustedProxy: inNetworks(["10.0.0.0/8"]) });
    const direct = await guessPasswords(loginFrom(service, "203.0.113.5"), {
      ...USER,
      forwardedFor: (guess) => `198.51.100.${guess}`,
    });
    const byProxy = await guessPasswords(loginFrom(service, "10.0.0.1"), {
      ...USER,
      forwardedFor: (guess) => `198.51.100.${guess}, 203.0.113.6`,
    });
    const limited = { 401: 20, 429: 80 };
    expect([direct, byProxy]).toEqual([limited, limited]);
    await closeService(service);
  });

  it.each([
    ["names", (guess: number) => `client-${guess}`],
    ["long texts", (guess: number) => `${guess}`.padEnd(10_000, "x")],
  ])("can't be spread over %s instead of addresses behind a trusted proxy", async (_, forwardedFor) => {
    const service = await openService({ clock: stopped, isTrustedProxy: inNetworks(["127.0.0.0/8"]) });
    const guesses = await guessPasswords(loginFrom(service, "127.0.0.1"), { ...USER, forwardedFor });
    expect(guesses).toEqual({ 401: 20, 429: 80 });
    await closeService(service);
  });

  it("cost no hashing of a pair that was verified before", async () => {
    const service = await openService();
    const verify = (authorization: string) =>
      service.app.inject({ url: "/auth/verify", headers: { ...CREDENTIALS, authorization } });
    await verify(BASIC);
    const scrypt = vi.spyOn(crypto, "scrypt");
    syncBuiltinESMExports();
    for (let request = 0; request < 20; request++) await verify(BASIC);
    const hashesOfVerified = scrypt.mock.calls.length;
    await verify(basic("demo:guess"));
    expect([hashesOfVerified, scrypt.mock.calls.length]).toEqual([0, 1]);
    scrypt.mockRestore();
    syncBuiltinESMExports();
    await closeService(service);
  });
});

it("asks for credentials at /metrics without the API too, however its path is spelled", async () => {
  const { app, ...rest } = await openService({ hasApi: false });
  const { hostname, port, host } = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
  const statusOf = async (path: string) => {
    const [response] = await once(request({ hostname, port, path, agent: false }).end(), "response");
    response.resume();
    return response.statusCode;
  };
  const paths = ["/metrics", "/metrics/", "/%6Detrics", "/metrics#", `http://${host}/metrics`, "/healthz", "/callbacks"];
  expect(await Promise.all(paths.map(statusOf))).toEqual([401, 401, 401, 401, 401, 200, 404]);
  await closeService({ app, ...rest });
});
