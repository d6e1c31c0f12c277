import { afterEach, describe, expect, it } from "vitest";
import { HOST, Visitor } from "../support/server/console-visitor.js";
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

const HTML = "text/html; charset=utf-8";
const FORM = { host: HOST, "content-type": "application/x-www-form-urlencoded" };
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

  it("has an icon for a browser, without credentials", async () => {
    service = await openService();
    const { statusCode, headers } = await service.app.inject({ url: "/favicon.ico" });
    expect([statusCode, headers.location]).toEqual([302, expect.stringMatching(/^\/console\/assets\/icon-\w+\.svg$/)]);
    const icon = await service.app.inject({ url: String(headers.location) });
    expect([icon.statusCode, icon.headers["content-type"]]).toEqual([200, "image/svg+xml"]);
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
    expect([page.status, page.text]).toEqual([403, expect.stringContaining("The form is out of date Open its page again")]);
    expect((await visitor.open("/console")).text).toContain("Manage API Callbacks");
  });
});

describe("the list of callbacks", () => {
  it("escapes what others have named, and shows no secret", async () => {
    service = await openService();
    const name = `<script>alert("x")</script>`;
    const url = "http://example.com/hook?auth=s3cret-key";
    await service.store.callbacks.create("0123456789ABCDEF", { ...CALLBACK_SETTINGS, name, url }, Date.now());
    const page = await (await new Visitor(service.app).signIn()).open("/console");
    expect(page.html).not.toContain("<script>alert");
    expect(page.text).toContain("&lt;script>alert");
    expect(page.html).not.toContain("s3cret");
  });
});

describe("an address that was cut off or made up", () => {
  const ID = "0123456789ABCDEF";

  it("leads to what is above or below it", async () => {
    service = await openService();
    await service.store.callbacks.create(ID, CALLBACK_SETTINGS, Date.now());
    const visitor = await new Visitor(service.app).signIn();
    expect((await visitor.open("/console/callbacks")).url).toBe("/console");
    expect(await visitor.open(`/console/callbacks/${ID}/`)).toMatchObject({
      status: 200,
      url: `/console/callbacks/${ID}/calls`,
    });
    expect((await visitor.open("/console/callbacks/FEDCBA9876543210")).status).toBe(404);
  });

  it("is a page with a way back, and says nothing to who isn't signed in", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    for (const url of ["/console/nothing", "/nothing?a=1"]) {
      const page = await visitor.open(url);
      expect([page.status, page.url, page.html]).toEqual([
        404,
        "/console/nothing",
        expect.stringContaining('<a href="/console">All callbacks</a>'),
      ]);
      expect((await new Visitor(service.app).open(url)).url).toMatch(/^\/console\/sign-in/);
    }
    expect((await service.app.inject({ url: "/nothing" })).statusCode).toBe(401);
  });
});

describe("the title in a browser's tab, and the breadcrumb", () => {
  it.each([
    ["/console", "Manage API Callbacks · whcb", []],
    ["calls", "Calls · demo · whcb", ["Callbacks", "demo", "Calls"]],
    ["outages", "Outages · demo · whcb", ["Callbacks", "demo", "Outages"]],
    ["edit", "Edit API callback · demo · whcb", ["Callbacks", "demo", "Edit API callback"]],
    ["replays", "Replays · demo · whcb", ["Callbacks", "demo", "Replays"]],
  ])("of %s", async (path, title, breadcrumb) => {
    service = await openService();
    const { id } = await service.store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, Date.now());
    const { html } = await (await new Visitor(service.app).signIn()).open(
      path.startsWith("/") ? path : `/console/callbacks/${id}/${path}`,
    );
    expect(/<title>([^<]*)/.exec(html)?.[1]).toBe(title);
    const [nav = ""] = /<nav class="breadcrumb".*?<\/nav>/s.exec(html) ?? [];
    expect([...nav.matchAll(/>([^<>]+)</g)].map(([, text]) => text)).toEqual(breadcrumb);
  });
});

describe("an error", () => {
  it("is a page, with the user in it", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const page = await visitor.open("/console/nothing");
    expect([page.status, page.headers["content-type"]]).toEqual([404, HTML]);
    expect(page.text).toContain("The console has no such page");
    expect(page.text).toContain("Sign out");
  });

  it("of the service shows nothing of its inside", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    await service.store.close();
    const page = await visitor.open("/console");
    expect([page.status, page.headers["content-type"]]).toEqual([500, HTML]);
    expect(page.text).toMatch(/See the service's log for the request's id\..* Request [0-9A-F]{16}$/);
    expect(page.html).not.toMatch(/database|sqlite|\.ts|Error:/i);
  });

  it("answers what can't be read as a page too", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const large = await visitor.post("/console/sign-out", { token: "x".repeat(17_000) });
    expect([large.status, large.headers["content-type"]]).toEqual([413, HTML]);
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const json = await service.app.inject({
      method: "POST",
      url: "/console/sign-out",
      headers: { host: HOST, cookie, "content-type": "application/json" },
      payload: "{}",
    });
    expect([json.statusCode, json.headers["content-type"]]).toEqual([415, HTML]);
  });

  it("says that a service which stops takes no forms", async () => {
    let isReady = true;
    service = await openService({ isReady: () => isReady });
    const visitor = await new Visitor(service.app).signIn();
    isReady = false;
    expect((await visitor.open("/console")).status).toBe(200);
    expect((await visitor.post("/console/sign-out", {})).status).toBe(503);
  });
});

describe("without a session", () => {
  it("a form's body isn't read, and the page says what to do", async () => {
    service = await openService();
    const answer = await service.app.inject({ method: "POST", url: "/console/callbacks/new", headers: FORM, payload: "name=x" });
    expect([answer.statusCode, answer.headers.connection, answer.headers["www-authenticate"]]).toEqual([401, "close", undefined]);
    expect(answer.body).toContain('<a href="/console/sign-in?to=%2Fconsole">Sign in</a>');
    expect(answer.body).toContain("Nothing was changed.");
  });

  it("a link of another site goes by a page of our own, so that the browser sends the cookie", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    const headers = { host: HOST, "sec-fetch-site": "cross-site" };
    const linked = await service.app.inject({ url: "/console?a=1", headers });
    const [, target = ""] = /content="0; url=([^"]+)"/.exec(linked.body) ?? [];
    const answered = [linked.statusCode, target, linked.headers["set-cookie"]];
    expect(answered).toEqual([200, "/console/sign-in?to=%2Fconsole%3Fa%3D1", undefined]);
    expect((await visitor.open(target)).url).toBe("/console?a=1");
  });
});

describe("every answer", () => {
  const CSP =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'";

  it("has the headers that keep others out", async () => {
    service = await openService();
    const visitor = await new Visitor(service.app).signIn();
    for (const url of ["/console", "/console/nothing", "/console/sign-in"]) {
      expect((await visitor.open(url)).headers).toMatchObject({
        "content-security-policy": CSP,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
    }
  });

  it("refers to the console's own files only, which browsers keep", async () => {
    service = await openService();
    const { html } = await (await new Visitor(service.app).signIn()).open("/console");
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path);
    expect(paths.filter((path) => !path.startsWith("/console") && path !== "#content")).toEqual([]);
    const files = [...new Set(paths.filter((path) => path.startsWith("/console/assets/")))];
    expect(files.map((path) => path.replace(/-[0-9a-f]{16}\./, "-HASH."))).toEqual([
      "/console/assets/icon-HASH.svg",
      "/console/assets/console-HASH.css",
      "/console/assets/console-HASH.js",
      "/console/assets/live-HASH.js",
    ]);
    for (const path of files) {
      const { statusCode, headers } = await service.app.inject({ url: path });
      expect([statusCode, headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
    }
    expect((await service.app.inject({ url: "/console/assets/..%2f..%2fapp.ts" })).statusCode).toBe(404);
  });
});
