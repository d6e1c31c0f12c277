/** Attackers without credentials send the console what is forged, too long, badly encoded or from another page. */
import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Logger } from "../../src/platform/logger.js";
import { silentLogger } from "../../src/platform/logger.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import { CREDENTIALS, closeService, openService, type Service, USER } from "../support/server/server-fixture.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const LOGIN = { username: USER.username, password: USER.password };
const FORM = { "content-type": "application/x-www-form-urlencoded" };

let service: Service;
/** The service logged these errors as its own faults. */
let faults: unknown[];
let logged: unknown[];

beforeEach(async () => {
  [faults, logged] = [[], []];
  const logger: Logger = {
    ...silentLogger,
    info: (fields) => void logged.push(fields),
    error: (fields) => void faults.push(fields),
  };
  // The service's time stands still, so no limit recovers.
  service = await openService({ logger, clock: new VirtualClock(), isTrustedProxy: (address) => address === "127.0.0.1" });
});

afterEach(async () => {
  await closeService(service);
  expect(faults).toEqual([]);
});

const from = (address: string) => new Visitor(service.app, { "x-forwarded-for": address });

async function newCode(): Promise<string> {
  return (await service.app.inject({ method: "POST", url: "/console/code", headers: CREDENTIALS })).json().code;
}

describe("a forged form token", () => {
  // These have as many characters as a real token, but not as many bytes.
  it.each(["é".repeat(43), `${"😀".repeat(21)}a`, "\0".repeat(43), "x".repeat(8000), "\ud800".repeat(43)])(
    "is rejected: %#",
    async (token) => {
      const signedOut = new Visitor(service.app);
      await signedOut.open("/console/sign-in");
      const signedIn = await new Visitor(service.app).signIn();
      const statuses = [signedOut, signedIn].map(async (one) => (await one.post("/console/sign-in", { ...LOGIN, token })).status);
      expect(await Promise.all(statuses)).toEqual([403, 403]);
    },
  );
});

it("planted cookies put neither a text nor a link on the sign-in page", async () => {
  const visit = "known-to-the-attacker";
  const notice = { kind: "problem", text: "Call 555-0100", link: { text: "Sign in again", href: "https://evil.example/" } };
  const text = Buffer.from(JSON.stringify(notice)).toString("base64url");
  const signatures = [visit, ""].map((key) => createHmac("sha256", key).update(text).digest("base64url"));
  for (const signature of signatures) {
    const cookie = `whcb-visit=${visit}; whcb-notice=${text}.${signature}`;
    const answer = await service.app.inject({ url: "/console/sign-in", headers: { host: "localhost", cookie } });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).not.toMatch(/555-0100|evil/);
  }
});

describe("a forged cookie", () => {
  it.each([
    "whcb-session=é",
    'whcb-session="x"',
    `whcb-session=${"a".repeat(5000)}`,
    "whcb-session",
    "=;;=;",
    "whcb-visit=%00",
    "whcb-notice=.",
    "whcb-notice=form.x",
    `whcb-notice=${Buffer.from('["done","x"]').toString("base64url")}.${"x".repeat(43)}`,
    "__proto__=x",
  ])("opens nothing and shows nothing: %#", async (cookie) => {
    const get = (url: string) => service.app.inject({ url, headers: { host: HOST, cookie } });
    expect((await get("/console")).statusCode).toBe(303);
    const signIn = await get("/console/sign-in");
    expect([signIn.statusCode, signIn.body.includes("alert-")]).toEqual([200, false]);
  });
});

it("thousands of cookies with broken escapes, or of a session's name, cost about as much as others", async () => {
  const cookies = (pairOf: (id: string) => string) =>
    Array.from({ length: 2_500 }, (_, index) => pairOf(index.toString(36))).join(";");
  const cpuOf = async (cookie: string) => {
    const before = process.cpuUsage();
    for (let count = 0; count < 20; count++) {
      await service.app.inject({ url: "/console/sign-in", headers: { host: HOST, cookie } });
    }
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  // Other programs, and collecting garbage, only make a round slower: the fastest of each kind count.
  const rounds = { plain: [] as number[], broken: [] as number[], sessions: [] as number[] };
  for (let round = 0; round < 6; round++) {
    rounds.plain.push(await cpuOf(cookies((id) => `${id}=x`)));
    rounds.broken.push(await cpuOf(cookies((id) => `${id}=%`)));
    rounds.sessions.push(await cpuOf(cookies((id) => `whcb-session=${id}`)));
  }
  const most = 6 * Math.min(...rounds.plain);
  expect(Math.min(...rounds.broken)).toBeLessThan(most);
  expect(Math.min(...rounds.sessions)).toBeLessThan(most);
});

describe("an address that can't be read", () => {
  const BAD = ["%", "%zz", "%ff", "%c3%28", "%e0%a4%a", "%00", "..%2f..%2fapp.ts", ";", "@", "[", "a".repeat(1100)];
  const PATHS = ["", "assets/", "callbacks/", "callbacks/0123456789ABCDEF/calls/"].flatMap((path) =>
    BAD.map((bad) => `/console/${path}${bad}`),
  );

  it("is an error of the client, signed in or not, and never kept", async () => {
    const visitor = await new Visitor(service.app).signIn();
    for (const path of PATHS) {
      for (const one of [visitor, new Visitor(service.app)]) {
        const page = await one.open(path);
        expect([path, page.url.startsWith("/console/sign-in") || [400, 404].includes(page.status)]).toEqual([path, true]);
        expect(page.headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
      }
    }
  });

  it("leads to the list if it is too long to go through signing in", async () => {
    const page = await new Visitor(service.app).send(`/console?q=${"%F0%9F%98%80".repeat(600)}`, "/console/sign-in", LOGIN);
    expect([page.status, page.url]).toEqual([200, "/console"]);
  });
});

describe("an answer to a visitor, who may leave it unread on 4 096 connections,", () => {
  const LONG = {
    "an address": { url: `/console?${"%26".repeat(5_150)}` },
    "an address of many parameters": { url: `/console?${"&".repeat(15_500)}` },
    "an address from another site": { url: `/console?${"%26".repeat(5_150)}`, "sec-fetch-site": "cross-site" },
    "a target": { url: `/console/sign-in?to=/console/${"%26".repeat(5200)}` },
    "a target that isn't a kept form": { url: `/console/sign-in?to=/console?kept=${"%26".repeat(5000)}` },
    "a kept form": { url: `/console/sign-in?to=/console/callbacks/new?kept=${"A".repeat(5400)}` },
    "a target at a session's host": {
      url: `/console/sign-in?to=/console/${"%26".repeat(5200)}`,
      host: `${"0123".repeat(8)}.localhost`,
    },
  };

  it.each(Object.entries(LONG))("is short: %s", async (_, { url, ...headers }) => {
    const answer = await service.app.inject({ url, headers: { host: HOST, ...headers } });
    expect(answer.statusCode).toBeLessThanOrEqual(400);
    expect(answer.rawPayload.length + JSON.stringify(answer.headers).length).toBeLessThan(16_384);
  });

  it("is short if it repeats the form", async () => {
    const visitor = new Visitor(service.app);
    const page = await visitor.send("/console/sign-in", "/console/sign-in", { username: '"'.repeat(2500), password: "wrong" });
    expect([page.status, page.html.length < 16_384]).toEqual([422, true]);
  });

  it("is short if it names the page of a form", async () => {
    const headers = { host: HOST, origin: `http://${HOST}`, referer: `http://${HOST}/console?${"&".repeat(5000)}` };
    const answer = await service.app.inject({ method: "POST", url: "/console/callbacks/new", headers });
    expect([answer.statusCode, answer.body.length < 16_384]).toEqual([401, true]);
  });

  it("takes no room from users' answers", async () => {
    const reserve = vi.spyOn(service.app.answers, "tryReserve");
    await new Visitor(service.app).open("/console/sign-in");
    expect(reserve).not.toHaveBeenCalled();
    await (await new Visitor(service.app).signIn()).open("/console");
    expect(reserve).toHaveBeenCalled();
  });
});

describe("a page of another origin", () => {
  // A browser sends cookies to another port of this host, and from another host of the domain.
  it("of the same site changes nothing either", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const { html } = await visitor.open("/console");
    const [, token = ""] = /name="token" value="([^"]+)"/.exec(html) ?? [];
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...FORM, host: "whcb.example", cookie, origin: "https://evil.example", "sec-fetch-site": "same-site" };
    const payload = new URLSearchParams({ token }).toString();
    const answer = await service.app.inject({ method: "POST", url: "/console/sign-out", headers, payload });
    expect(answer.statusCode).toBe(403);
    expect((await visitor.open("/console")).url).toBe("/console");
  });
});

describe("a method that no page has", () => {
  it("does nothing, with a session or without", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const cookie = [...visitor.cookies].map((pair) => pair.join("=")).join("; ");
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] as const) {
      for (const url of ["/console", "/console/sign-out", "/console/callbacks/new", "/console/assets/x"]) {
        const answer = await service.app.inject({ method: method as "PUT", url, headers: { host: HOST, cookie } });
        expect([method, url, answer.statusCode]).toEqual([method, url, 401]);
      }
    }
    expect((await visitor.open("/console")).url).toBe("/console");
  });
});

describe("the log", () => {
  it("has no password, code or token, whatever fails", async () => {
    const code = await newCode();
    const visitor = new Visitor(service.app);
    const path = "/console/sign-in?password=in-the-query";
    await visitor.send(path, "/console/sign-in", { username: USER.username, password: "a wrong guess" });
    await visitor.send(path, "/console/sign-in", { code });
    const [, token = ""] = /name="token" value="([^"]+)"/.exec((await visitor.open("/console")).html) ?? [];
    await service.store.close();
    expect((await visitor.open("/console")).status).toBe(500);
    expect((await visitor.post("/console/sign-in", { ...LOGIN, token })).status).toBe(500);
    const log = JSON.stringify([logged, faults], (_, value) =>
      value instanceof Error ? `${value.stack} ${value.cause}` : value,
    );
    expect([logged.length > 5, faults.length]).toEqual([true, 2]);
    faults = [];
    const secrets = [code, "a wrong guess", "in-the-query", USER.password, token, ...visitor.cookies.values()];
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
  });
});

describe("guessing codes", () => {
  it("from many addresses shuts nobody else out: a code has its five tries", async () => {
    const code = await newCode();
    const visitor = new Visitor(service.app);
    const [, token = ""] = /name="token" value="([^"]+)"/.exec((await visitor.open("/console/sign-in")).html) ?? [];
    const cookie = [...visitor.cookies].map((pair) => pair.join("=")).join("; ");
    // These are more guesses than the shared limit for passwords.
    for (let guess = 0; guess < 205; guess++) {
      const address = `203.0.113.${Math.floor(guess / 5)}`;
      const headers = { ...FORM, host: HOST, cookie, "x-forwarded-for": address };
      const payload = new URLSearchParams({ token, code: `ZZZZ-${guess}` }).toString();
      const answer = await service.app.inject({ method: "POST", url: "/console/sign-in", headers, payload });
      expect(answer.statusCode).toBe(422);
    }
    expect((await from("198.51.100.1").send("/console/sign-in", "/console/sign-in", LOGIN)).url).toBe("/console");
    expect((await from("198.51.100.2").send("/console/sign-in", "/console/sign-in", { code })).url).toBe("/console");
  });

  it("or passwords from an address doesn't keep out who has a code there", async () => {
    const code = await newCode();
    const neighbour = from("203.0.113.100");
    const statuses = [];
    for (let guess = 0; guess < 25; guess++) {
      const given = guess < 6 ? { code: `0000-0000-000${guess}` } : { username: `nobody-${guess}`, password: "wrong" };
      statuses.push((await neighbour.send("/console/sign-in", "/console/sign-in", given)).status);
    }
    expect([statuses.slice(0, 6), statuses.at(-1)]).toEqual([[422, 422, 422, 422, 422, 429], 429]);
    expect((await from("203.0.113.100").send("/console/sign-in", "/console/sign-in", { code })).url).toBe("/console");
  });

  it("at once from many addresses gets five tries of a code, the right one too late included", async () => {
    const code = await newCode();
    const guesses = Array.from({ length: 30 }, async (_, index) => {
      const guess = `${code.slice(0, 7)}00-${1000 + index}`;
      return (await from(`203.0.113.${index}`).send("/console/sign-in", "/console/sign-in", { code: guess })).status;
    });
    expect(new Set(await Promise.all(guesses))).toEqual(new Set([422]));
    expect((await from("198.51.100.1").send("/console/sign-in", "/console/sign-in", { code })).status).toBe(422);
  });

  it("says the same for a code that exists as for one that doesn't", async () => {
    const code = await newCode();
    const answers = [`${code.slice(0, 7)}00-0000`, "0000-0000-0000", ""].map(async (guess) => {
      const { status, text } = await from("203.0.113.1").send("/console/sign-in", "/console/sign-in", { code: guess });
      return `${status} ${text}`;
    });
    expect(new Set(await Promise.all(answers)).size).toBe(1);
  });

  it("redeems a code once, however many try at once", async () => {
    const code = await newCode();
    const visitors = Array.from({ length: 4 }, (_, index) => from(`203.0.113.${index}`));
    const pages = visitors.map((one) => one.send("/console/sign-in", "/console/sign-in", { code }));
    expect((await Promise.all(pages)).map(({ url }) => url).sort()).toEqual([
      "/console",
      "/console/sign-in",
      "/console/sign-in",
      "/console/sign-in",
    ]);
  });
});
