/**
 * The console's pages on a real store: who may see them, and what protects them.
 * Covers: src/server/console/assets.ts, src/server/console/console.ts, src/server/console/console-routes.ts,
 * Covers: src/server/console/page.ts, src/server/console/pages.ts, src/server/console/sessions.ts, src/server/console/components/layout.tsx,
 * Covers: src/server/console/components/data.tsx, src/server/console/components/forms.tsx,
 * Covers: src/server/console/pages/callback-list.tsx, src/server/console/pages/sign-in.tsx,
 * Covers: src/store/console-sessions.ts, src/server/use-cases/change-callbacks.ts, src/server/use-cases/settle-calls.ts
 */
import { afterEach, describe, expect, it } from "vitest";
import { Visitor } from "../support/server/console-visitor.js";
import {
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";

let service: Service;

afterEach(() => closeService(service));

const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };

describe("/", () => {
  it("leads a browser to the console, and answers a client as ever", async () => {
    service = await openService();
    const get = async (headers: Record<string, string>) => {
      const { statusCode, headers: answered } = await service.app.inject({ url: "/", headers });
      return [statusCode, answered.location];
    };
    expect(await get(BROWSER)).toEqual([302, "/console"]);
    expect(await get({})).toEqual([401, undefined]);
    expect(await get({ ...BROWSER, ...CREDENTIALS })).toEqual([200, undefined]);
  });
});

describe("signing in", () => {
  it("comes before any page, and leads to the page that was asked for", async () => {
    service = await openService();
    const visitor = new Visitor(service.app);
    const asked = await visitor.open("/console?cursor=");
    expect([asked.status, asked.url]).toEqual([200, `/console/sign-in?to=${encodeURIComponent("/console?cursor=")}`]);
    const { username, password } = USER;
    const list = await visitor.send(asked.url, "/console/sign-in", { username, password });
    expect([list.status, list.url]).toEqual([200, "/console?cursor="]);
    expect(list.text).toContain("Manage API Callbacks");
    expect(list.text).toContain(username);
  });

  it("with a wrong password says so, and keeps the user's name but not the password", async () => {
    service = await openService();
    const page = await new Visitor(service.app).send("/console/sign-in", "/console/sign-in", {
      username: "demo<b>",
      password: "wrong-guess",
    });
    expect([page.status, page.text]).toEqual([422, expect.stringContaining("The user or the password is wrong.")]);
    expect(page.html).toContain('value="demo&lt;b>"');
    expect(page.html).not.toContain("wrong-guess");
  });

  it("ends with signing out, on the server too", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const cookies = new Map(visitor.cookies);
    const page = await visitor.send("/console", "/console/sign-out");
    expect(page.url).toBe("/console/sign-in");
    for (const [name, value] of cookies) visitor.cookies.set(name, value);
    expect((await visitor.open("/console")).url).toMatch(/sign-in/);
  });
});

describe("a form", () => {
  it("without the session's token changes nothing", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const page = await visitor.post("/console/sign-out", { token: "guessed" });
    expect([page.status, page.text]).toEqual([403, expect.stringContaining("Open its page again")]);
    expect((await visitor.open("/console")).text).toContain("Manage API Callbacks");
  });
});

describe("the list of callbacks", () => {
  it("escapes what others have named, and shows no secret", async () => {
    service = await openService();
    const name = `<script>alert("x")</script>`;
    const url = "http://example.com/hook?auth=s3cret-key";
    await service.store.createCallback("0123456789ABCDEF", { ...CALLBACK_SETTINGS, name, url }, Date.now());
    const page = await (await new Visitor(service.app).signIn()).open("/console");
    expect(page.html).not.toContain("<script>alert");
    expect(page.text).toContain("&lt;script>alert");
    expect(page.html).not.toContain("s3cret");
  });
});

describe("an error", () => {
  it("is a page", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const page = await visitor.open("/console/nothing");
    expect([page.status, page.headers["content-type"]]).toEqual([404, "text/html; charset=utf-8"]);
    expect(page.text).toContain("The console has no such page");
  });
});
