/** The console's pages show what others have written, in whatever amount, and notice rights that end. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import { aResponse } from "../support/builders.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import { pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import {
  CALLBACK_BODY,
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
} from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";
const PATH = `/console/callbacks/${ID}`;
const MARKUP = `<img src=x onerror="alert(1)">'&`;
const LARGEST_PAGE = 1_000_000;

let service: Service;
let visitor: Visitor;

beforeEach(async () => {
  service = await openService();
  visitor = await new Visitor(service.app).signIn();
  await service.store.callbacks.create(ID, { ...CALLBACK_SETTINGS, retriesEnabled: false }, 0);
});
afterEach(() => closeService(service));

async function tokenOf(path: string): Promise<string> {
  return /name="token" value="([^"]+)"/.exec((await visitor.open(path)).html)?.[1] ?? "";
}

const cookieOf = (one: Visitor) => [...one.cookies].map((pair) => pair.join("=")).join("; ");

describe("a page about a call", () => {
  it.each(["json", "xml"] as const)("stays small, whatever its size, with a body in %s", async (contentType) => {
    await service.store.callbacks.update(ID, { ...CALLBACK_SETTINGS, contentType }, 0, DEFAULT_RETRY_POLICY);
    const large = MARKUP.repeat(60_000);
    const from = { name: large, mri: large, mobile: large, email: large, voice: large };
    const responses = [
      aResponse({ responseMessage: { channel: "SMS", kind: "reply", date: "", content: large.repeat(3) } }),
      aResponse({ from }),
      aResponse({ customParameters: Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`p${index}`, MARKUP])) }),
    ];
    const calls = responses.map((response, index) => ({ id: `LARGE${index}`, response }));
    await service.store.calls.accept([{ callbackId: ID, calls }], Date.now());
    for (const path of ["", "/LARGE0", "/LARGE1", "/LARGE2"]) {
      const page = await visitor.open(`${PATH}/calls${path}?status=PENDING`);
      expect([page.status, page.html.length < LARGEST_PAGE]).toEqual([200, true]);
      expect(page.html).not.toContain("<img src=x");
    }
    const shown = await visitor.open(`${PATH}/calls/LARGE2`);
    expect(shown.text).toContain("Only the beginning is shown");
    await service.store.calls.accept([{ callbackId: ID, calls: [{ id: "SMALL", response: aResponse() }] }], Date.now());
    expect((await visitor.open(`${PATH}/calls/SMALL`)).text).not.toContain("Only the beginning is shown");
  });

  it("shows the latest of a thousand attempts, and how many there were before them", async () => {
    await service.store.calls.accept([{ callbackId: ID, calls: [{ id: "A", response: aResponse() }] }], 0);
    const answer = { kind: "answered", statusCode: 500, statusMessage: MARKUP.repeat(30), body: `"`.repeat(4096) } as const;
    const replays = Array.from({ length: 1000 }, (_, index) => {
      const attempt = { startedAt: index, durationMs: 1, cause: "replay", sentFrom: MARKUP, result: answer } as const;
      return { callId: "A", attempt };
    });
    await service.store.calls.recordReplays(ID, replays, 0);
    const page = await visitor.open(`${PATH}/calls/A`);
    expect(page.html.length).toBeLessThan(LARGEST_PAGE);
    expect(page.html).toContain('id="attempt-1000"');
    expect(page.html).not.toContain('id="attempt-700"');
    expect(page.text).toContain("700 earlier attempts are left out.");
    expect(page.html).not.toContain("<img src=x");
  });
});

describe("an endpoint that repeats the key", () => {
  const { key } = CALLBACK_SETTINGS.auth;
  const echo = { kind: "answered", statusCode: 500, statusMessage: `no ${key}`, body: `got ${encodeURIComponent(key)}` } as const;

  it("has it masked where its answers are shown", async () => {
    await service.store.calls.accept([{ callbackId: ID, calls: [{ id: "A", response: aResponse() }] }], 0);
    await recordAttempts(service.store, await pendingCalls(service.store, ID), () => ({ result: echo, startedAt: 1 }));
    const pages = [await visitor.open(`${PATH}/calls`), await visitor.open(`${PATH}/calls/A`)];
    pages.push(await visitor.open(`${PATH}/confirm?action=replay&call=A`));
    expect(pages.map(({ html }) => html.includes(key))).toEqual([false, false, false]);
    expect(pages[0]?.text).toContain("500 no ****");
    expect(pages[1]?.text).toContain("got ****");
  });

  it("has it masked in the reason why a callback isn't created, in the API's answer too", async () => {
    const other = await openService({ checkEndpoint: async () => echo });
    const fields = {
      url: CALLBACK_SETTINGS.url,
      contentType: "json",
      "auth.type": "httpheader",
      "auth.key": key,
      removeHTML: "disabled",
      email: "a@example.com",
    };
    const path = "/console/callbacks/new";
    const page = await (await new Visitor(other.app).signIn()).send(path, path, {
      ...fields,
      name: "new",
      signing: "disabled",
      retriesEnabled: "true",
    });
    expect([page.status, page.html.includes(key)]).toEqual([422, false]);
    expect(page.text).toContain("it answered: 500 no ****");
    const headers = { ...CREDENTIALS, "content-type": "application/json" };
    const answer = await other.app.inject({ method: "POST", url: "/callbacks", headers, payload: CALLBACK_BODY });
    expect([answer.statusCode, answer.body.includes(key)]).toEqual([400, false]);
    await closeService(other);
  });
});

describe("a form", () => {
  it("of tens of thousands of fields is rejected in no time, before they are read", async () => {
    const names = Array.from({ length: 60_000 }, (_, index) => index.toString(36));
    const fields = new URLSearchParams({ token: await tokenOf(`${PATH}/delete`), action: "success" });
    const before = process.cpuUsage();
    const headers = { host: HOST, cookie: cookieOf(visitor), "content-type": "application/x-www-form-urlencoded" };
    const payload = `${fields}&${names.join("&")}`;
    const answer = await service.app.inject({ method: "POST", url: `${PATH}/confirm`, headers, payload });
    const { user, system } = process.cpuUsage(before);
    expect([answer.statusCode, answer.body]).toEqual([400, expect.stringContaining("the form has more than 1000 fields")]);
    expect((user + system) / 1000).toBeLessThan(2000);
  });

  it("whose last byte comes after signing out in another tab changes nothing", async () => {
    const origin = await service.app.listen({ host: "127.0.0.1", port: 0 });
    const body = new URLSearchParams({ token: await tokenOf(`${PATH}/delete`) }).toString();
    const socket = connect(Number(new URL(origin).port), "127.0.0.1").setEncoding("utf8");
    socket.write(
      `POST ${PATH}/delete HTTP/1.1\r\nhost: ${HOST}\r\ncookie: ${cookieOf(visitor)}\r\nconnection: close\r\n` +
        `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
    );
    await expect.poll(() => service.app.connections.inFlight, { interval: 5 }).toBe(1);
    const other = new Visitor(service.app);
    for (const [name, value] of visitor.cookies) other.cookies.set(name, value);
    await other.send("/console", "/console/sign-out");
    socket.write(body.slice(-1));
    const [answer] = await once(socket, "data");
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1.1 401 /);
    expect(await service.store.callbacks.find(ID)).not.toBeNull();
  });
});
