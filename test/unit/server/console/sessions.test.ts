import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, it } from "vitest";
import { leaveNotice, type Notice, takeNotice, type Visitor } from "../../../../src/server/console/sessions.js";

const VISITOR: Visitor = { credential: null, token: "token-of-a-session" };
const NOTICE: Notice = { kind: "done", text: 'Saved "Zoë; <b>"' };

let app: FastifyInstance;
let visitor: Visitor;

beforeEach(async () => {
  visitor = VISITOR;
  app = Fastify();
  app.get("/leave", async (request, reply) => {
    leaveNotice(request, reply, visitor, NOTICE);
    return "";
  });
  app.get("/take", async (request, reply) => ({ notice: takeNotice(request, reply, visitor) }));
  await app.ready();
});

afterEach(() => app.close());

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
  expect(line).toMatch(/^whcb-notice=[\w.-]+; Path=\/console; Max-Age=60; HttpOnly; SameSite=Strict$/);
  expect(await take(line.split(";")[0] ?? "")).toEqual({
    notice: NOTICE,
    setCookie: "whcb-notice=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict",
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

it("reads its own cookie among others, and no value that it can't have set", async () => {
  const [cookie = ""] = (await leave()).split(";");
  expect((await take(`a=b; xwhcb-notice=1; ${cookie}; whcb-notice-8787=2`)).notice).toEqual(NOTICE);
  expect(await take('whcb-notice="<script>"')).toEqual({ notice: null, setCookie: undefined });
});
