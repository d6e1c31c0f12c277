import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { type Notice, Sessions, type Visitor } from "../../../../src/server/console/sessions.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { serverDeps } from "../../../support/server/server-fixture.js";

const VISITOR: Visitor = { credential: null, token: "token-of-a-session" };
const NOTICE: Notice = { kind: "done", text: 'Saved "Zoë; <b>"' };

let store: Store;
let sessions: Sessions;
let app: FastifyInstance;
let visitor: Visitor;
let notice: Notice;

/** Opens the sessions of a node with this secret key. */
async function open(secretKey: Uint8Array): Promise<void> {
  store = await openStore({ url: ":memory:", clock: systemClock, secretKey });
  sessions = new Sessions(serverDeps(store));
}

beforeEach(async () => {
  visitor = VISITOR;
  notice = NOTICE;
  await open(new Uint8Array(32));
  app = Fastify();
  app.decorateRequest("visitor", null);
  app.addHook("onRequest", async (request) => {
    request.visitor = visitor;
  });
  app.get("/leave", async (request, reply) => {
    sessions.leaveNotice(request, reply, notice);
    return "";
  });
  app.get("/take", async (request, reply) => ({ notice: sessions.takeNotice(request, reply) }));
  await app.ready();
});

afterEach(async () => {
  await app.close();
  await store.close();
});

async function leave(): Promise<string> {
  const { headers } = await app.inject({ url: "/leave", headers: { host: "localhost" } });
  return String(headers["set-cookie"]);
}

async function take(cookie: string): Promise<{ notice: Notice | null; setCookie: unknown }> {
  const answer = await app.inject({ url: "/take", headers: { host: "localhost", cookie } });
  return { notice: answer.json().notice, setCookie: answer.headers["set-cookie"] };
}

it("shows a notice once, on the page that follows", async () => {
  const line = await leave();
  expect(line).toMatch(/^whcb-notice=[\w.-]+; Max-Age=60; Path=\/console; HttpOnly; SameSite=Strict$/);
  expect(await take(line.split(";")[0] ?? "")).toEqual({
    notice: NOTICE,
    setCookie: "whcb-notice=; Max-Age=0; Path=/console; HttpOnly; SameSite=Strict",
  });
  expect(await take("")).toEqual({ notice: null, setCookie: undefined });
});

it("shows no notice that was made for another session, or by somebody else", async () => {
  const [cookie = ""] = (await leave()).split(";");
  const forged = Buffer.from(JSON.stringify(["done", "Send your password to mallory"])).toString("base64url");
  expect((await take(`whcb-notice=${forged}.${cookie.split(".")[1]}`)).notice).toBeNull();
  expect((await take(`whcb-notice=${forged}`)).notice).toBeNull();
  visitor = { credential: null, token: "another" };
  expect((await take(cookie)).notice).toBeNull();
});

it("shows a notice of another node with the same secret key, and none of a service with another key", async () => {
  const [cookie = ""] = (await leave()).split(";");
  await store.close();
  await open(new Uint8Array(32));
  expect((await take(cookie)).notice).toEqual(NOTICE);
  await store.close();
  await open(new Uint8Array(32).fill(1));
  expect((await take(cookie)).notice).toBeNull();
});

it.each([
  ["/console/callbacks/A/calls/B?tab=1", "/console/callbacks/A/calls/B?tab=1"],
  ["https://evil.example/console", "/console"],
  ["//evil.example/console", "/console"],
  ["/console/../callbacks", "/console"],
  ["/console.evil", "/console"],
  ["javascript:alert(1)", "/console"],
])("leads from a notice to %s by %s", async (href, shown) => {
  notice = { ...NOTICE, link: { text: "Go on", href } };
  const [cookie = ""] = (await leave()).split(";");
  expect((await take(cookie)).notice?.link).toEqual({ text: "Go on", href: shown });
});

it("reads its own cookie among others, and no value that it can't have set", async () => {
  const [cookie = ""] = (await leave()).split(";");
  expect((await take(`a=b; xwhcb-notice=1; ${cookie}; whcb-notice-8787=2`)).notice).toEqual(NOTICE);
  expect(await take('whcb-notice="<script>"')).toEqual({ notice: null, setCookie: undefined });
});
