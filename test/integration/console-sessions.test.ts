import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import { systemRandom } from "../../src/platform/random.js";
import { addUser, changePassword, removeUser } from "../../src/server/auth/users.js";
import { hiddenFields, type PageSeen, Visitor } from "../support/server/console-visitor.js";
import {
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LOGIN = { username: USER.username, password: USER.password };

let service: Service;
let clock: VirtualClock;

beforeEach(async () => {
  clock = new VirtualClock();
  service = await openService({ clock });
});

afterEach(() => closeService(service));

const signIn = (visitor: Visitor, fields: Readonly<Record<string, string>>) =>
  visitor.send("/console/sign-in", "/console/sign-in", fields);
const isSignedIn = async (visitor: Visitor) => (await visitor.open("/console")).url === "/console";

const author = () => ({ user: "ada@laptop", via: "database" as const, address: null, at: clock.now() });

async function newCode(): Promise<string> {
  const answer = await service.app.inject({ method: "POST", url: "/console/code", headers: CREDENTIALS });
  expect(answer.statusCode).toBe(201);
  return answer.json().code;
}

describe("a session's cookie", () => {
  it("is for this path and host only, unreadable for scripts, and new with each sign-in", async () => {
    const visitor = new Visitor(service.app);
    visitor.cookies.set("whcb-session", "planted-by-somebody-else");
    const first = await signIn(visitor, LOGIN);
    const line = first.setCookies.find((one) => one.startsWith("whcb-session="));
    expect(line).toMatch(/^whcb-session=[\w-]{32}\.[\w-]{43}; Max-Age=86400; Path=\/console; HttpOnly; SameSite=Strict$/);
    const token = visitor.cookies.get("whcb-session");
    const other = new Visitor(service.app);
    other.cookies.set("whcb-session", "planted-by-somebody-else");
    expect([await isSignedIn(visitor), await isSignedIn(other)]).toEqual([true, false]);
    await signIn(other, LOGIN);
    expect(other.cookies.get("whcb-session")).not.toBe(token);
  });

  it("that somebody has made up is rejected without the database, like a ticket", async () => {
    const { sessions } = service.store;
    const { find } = sessions;
    let finds = 0;
    sessions.find = (...given) => {
      finds += 1;
      return find(...given);
    };
    const visitor = await new Visitor(service.app).signIn();
    const [secret = "", signature = ""] = visitor.cookies.get("whcb-session")?.split(".") ?? [];
    for (const token of ["A".repeat(32), `${"A".repeat(32)}.${signature}`, `${secret}.`, `${secret}.${signature}.x`]) {
      const stranger = new Visitor(service.app);
      stranger.cookies.set("whcb-session", token);
      expect(await isSignedIn(stranger)).toBe(false);
      expect((await stranger.open(`/console/sign-in?ticket=${token}`)).text).toContain("Sign in");
    }
    expect(finds).toBe(0);
    expect(await isSignedIn(visitor)).toBe(true);
    expect(finds).toBeGreaterThan(0);
  });

  it("is found behind others of its name, which another server of the domain has set for a longer path", async () => {
    const former = new Visitor(service.app);
    await signIn(former, LOGIN);
    const ended = former.cookies.get("whcb-session");
    const visitor = new Visitor(service.app);
    visitor.cookies.set("planted", `x; whcb-session=made-up; whcb-session=${ended}`);
    await former.send("/console", "/console/sign-out");
    await signIn(visitor, LOGIN);
    expect(await isSignedIn(visitor)).toBe(true);
    await visitor.send("/console", "/console/sign-out");
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it("ends the session that it replaces", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const old = new Visitor(service.app);
    for (const [name, value] of visitor.cookies) old.cookies.set(name, value);
    // Another tab has opened its form before.
    const page = await new Visitor(service.app).open("/console/sign-in");
    expect(page.status).toBe(200);
    const form = await old.open("/console");
    const [, token = ""] = /name="token" value="([^"]+)"/.exec(form.html) ?? [];
    await visitor.post("/console/sign-in", { ...LOGIN, token });
    expect([await isSignedIn(visitor), await isSignedIn(old)]).toEqual([true, false]);
  });

  it("is Secure over TLS, also behind a trusted proxy, and has the port in its name", async () => {
    await closeService(service);
    service = await openService({ isTrustedProxy: (address) => address === "127.0.0.1" });
    const visitor = new Visitor(service.app, { "x-forwarded-proto": "https", "x-forwarded-host": "whcb.example:8443" });
    const { setCookies } = await signIn(visitor, LOGIN);
    expect(setCookies).toEqual([expect.stringMatching(/^whcb-session-8443=.*; Secure; SameSite=Strict$/)]);
    const plain = await signIn(new Visitor(service.app, { host: "whcb.example:8787" }), LOGIN);
    expect(plain.setCookies).toEqual([expect.stringMatching(/^whcb-session-8787=.*; SameSite=Strict$/)]);
  });
});

describe("a session", () => {
  it("ends after an hour without use", async () => {
    const visitor = await new Visitor(service.app).signIn();
    for (let use = 0; use < 3; use++) {
      clock.advance(HOUR - 1);
      expect(await isSignedIn(visitor)).toBe(true);
    }
    clock.advance(HOUR);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it("ends 12 hours after signing in, however it is used", async () => {
    const visitor = await new Visitor(service.app).signIn();
    for (let minutes = 30; minutes < 12 * 60; minutes += 30) {
      clock.advance(30 * MINUTE);
      expect(await isSignedIn(visitor)).toBe(true);
    }
    clock.advance(30 * MINUTE - 1);
    expect(await isSignedIn(visitor)).toBe(true);
    clock.advance(1);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it("ends when the user's password changes, and when the user is removed", async () => {
    const deps = { credentials: service.store.credentials, random: systemRandom, author: author() };
    await addUser({ username: "ada", password: "first password" }, deps);
    clock.advance(1000);
    const visitor = new Visitor(service.app);
    await signIn(visitor, { username: "ada", password: "first password" });
    expect(await isSignedIn(visitor)).toBe(true);
    await changePassword({ username: "ada", password: "second password" }, false, deps);
    expect(await isSignedIn(visitor)).toBe(false);
    clock.advance(1000);
    await signIn(visitor, { username: "ada", password: "second password" });
    expect(await isSignedIn(visitor)).toBe(true);
    await removeUser("ada", deps);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it("is known to every process that serves the database", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const other = await openService({ clock, store: service.store });
    const elsewhere = new Visitor(other.app);
    for (const [name, value] of visitor.cookies) elsewhere.cookies.set(name, value);
    expect(await isSignedIn(elsewhere)).toBe(true);
    await elsewhere.send("/console", "/console/sign-out");
    expect(await isSignedIn(visitor)).toBe(false);
    await other.app.close();
  });
});

describe("a form whose session has ended", () => {
  const NEW = "/console/callbacks/new";
  const TYPED = {
    name: "typed & <kept>",
    url: "http://127.0.0.1:9000/hook?token=a-typed-secret",
    contentType: "xml",
    "callbacks.reply": "on",
    "auth.type": "bearertoken",
    "auth.key": "a-typed-key",
    removeHTML: "disabled",
    signing: "disabled",
    retriesEnabled: "true",
    email: "ops@example.com",
  };
  const callbacks = async () => (await service.store.callbacks.list({ sort: [], offset: 0, limit: 10 })).total;

  async function sendLate(visitor: Visitor, path = NEW, fields: Readonly<Record<string, string>> = TYPED): Promise<PageSeen> {
    await visitor.open(path);
    clock.advance(HOUR);
    return visitor.post(path, { token: "of the ended session", ...fields });
  }

  it("leads to the sign-in and back to the form as it was typed, without its key, and does nothing by itself", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const asked = await sendLate(visitor);
    expect([asked.status, asked.text]).toEqual([200, expect.stringContaining("What you typed is shown again")]);
    const form = await visitor.send(asked.url, "/console/sign-in", LOGIN);
    expect([form.status, form.url.split("?")[0]]).toEqual([200, NEW]);
    expect(form.text).toContain("Your session had ended, and nothing was done.");
    for (const text of ["typed &amp; &lt;kept>", "token=a-typed-secret", "ops@example.com"]) expect(form.html).toContain(text);
    expect(form.html).toMatch(/value="xml" checked/);
    for (const { url, html } of [asked, form]) expect(`${url} ${html}`).not.toContain("a-typed-key");
    expect(`${asked.url} ${asked.html} ${form.url}`).not.toContain("a-typed-secret");
    expect(await callbacks()).toBe(0);
    const saved = await visitor.post(NEW, { ...TYPED, ...hiddenFields(form.html, NEW) });
    expect([saved.status, await callbacks()]).toEqual([200, 1]);
  });

  it("comes back at another host too, where each session has its own", async () => {
    const visitor = new Visitor(service.app, { host: "127.0.0.1:8787" });
    await signIn(visitor, LOGIN);
    const own = visitor.host;
    const asked = await sendLate(visitor);
    expect(visitor.host).toBe("127.0.0.1:8787");
    const form = await visitor.send(asked.url, "/console/sign-in", LOGIN);
    expect([form.status, visitor.host === own, form.html.includes("a-typed-secret")]).toEqual([200, false, true]);
  });

  it("is filled in at once if the user has signed in again meanwhile", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const { html } = await visitor.open(NEW);
    await visitor.signIn();
    const form = await visitor.post(NEW, { ...TYPED, ...hiddenFields(html, NEW) });
    expect([form.status, form.text]).toEqual([200, expect.stringContaining("nothing was done")]);
    expect(form.html).toContain("typed &amp; &lt;kept>");
    expect(await callbacks()).toBe(0);
  });

  it("of a stored callback says what another user has changed meanwhile", async () => {
    const stored = await service.store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, 0);
    const edit = `/console/callbacks/${stored.id}/edit`;
    const visitor = await new Visitor(service.app).signIn();
    const hidden = hiddenFields((await visitor.open(edit)).html, edit);
    await service.store.callbacks.update(
      stored.id,
      { ...CALLBACK_SETTINGS, email: "other@example.com" },
      0,
      DEFAULT_RETRY_POLICY,
    );
    const asked = await sendLate(visitor, edit, { ...TYPED, ...hidden, email: CALLBACK_SETTINGS.email });
    const form = await visitor.send(asked.url, "/console/sign-in", LOGIN);
    expect(form.text).toContain("Notification e-mail: ops@example.com → other@example.com");
    expect(form.html).toContain('value="other@example.com"');
    expect(form.html).toContain('value="typed &amp; &lt;kept>"');
  });

  it("isn't kept for another user, nor for who can't show the session that ended, nor from another site", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const asked = await sendLate(visitor);
    await addUser(
      { username: "ada", password: "first password" },
      { credentials: service.store.credentials, random: systemRandom, author: author() },
    );
    const other = await visitor.send(asked.url, "/console/sign-in", { username: "ada", password: "first password" });
    expect([other.status, other.html.includes("typed &amp;"), other.text.includes("nothing was done")]).toEqual([
      200,
      false,
      false,
    ]);
    const stranger = await new Visitor(service.app).post(NEW, TYPED);
    expect([stranger.status, stranger.headers.connection]).toEqual([401, "close"]);
    const foreign = await new Visitor(service.app, { origin: "http://evil.example" }).signIn();
    expect((await sendLate(foreign)).status).toBe(401);
  });

  it("isn't kept a day later, or if it is too long, and the page says where to sign in", async () => {
    const late = await new Visitor(service.app).signIn();
    clock.advance(23 * HOUR);
    expect((await sendLate(late)).status).toBe(401);
    const long = await new Visitor(service.app).signIn();
    const page = await sendLate(long, NEW, { ...TYPED, name: "x".repeat(4000) });
    expect([page.status, page.html]).toEqual([401, expect.stringContaining(`sign-in?to=${encodeURIComponent(NEW)}"`)]);
  });
});

describe("a form", () => {
  it("is accepted only with the token of its own session", async () => {
    const visitor = await new Visitor(service.app).signIn();
    const other = await new Visitor(service.app).signIn();
    const tokenOf = async (of: Visitor) => /name="token" value="([^"]+)"/.exec((await of.open("/console")).html)?.[1] ?? "";
    const [own, foreign] = [await tokenOf(visitor), await tokenOf(other)];
    const post = async (fields: Readonly<Record<string, string>>) => (await visitor.post("/console/sign-out", fields)).status;
    expect([await post({}), await post({ token: "" }), await post({ token: foreign })]).toEqual([403, 403, 403]);
    expect(await isSignedIn(visitor)).toBe(true);
    await visitor.post("/console/sign-out", { token: own });
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it("to sign in is accepted only from a page that was opened here: nobody is signed in as somebody else", async () => {
    const attacker = new Visitor(service.app);
    const [, token = ""] = /name="token" value="([^"]+)"/.exec((await attacker.open("/console/sign-in")).html) ?? [];
    const victim = new Visitor(service.app);
    await victim.open("/console/sign-in");
    expect((await victim.post("/console/sign-in", { ...LOGIN, token })).status).toBe(403);
    expect((await new Visitor(service.app).post("/console/sign-in", { ...LOGIN, token })).status).toBe(403);
    expect(await isSignedIn(victim)).toBe(false);
  });

  it("of another site changes nothing, and the error is a page", async () => {
    const visitor = await new Visitor(service.app, { "sec-fetch-site": "cross-site" }).signIn();
    const page = await visitor.post("/console/sign-in", LOGIN);
    expect([page.status, page.headers["content-type"]]).toEqual([403, "text/html; charset=utf-8"]);
    expect(page.text).toContain("A web page of another site may not change anything here");
  });
});

describe("after signing in", () => {
  it.each([
    ["/console/callbacks/0/edit?x=1", "/console/callbacks/0/edit?x=1"],
    ["https://evil.example/console", "/console"],
    ["//evil.example/console", "/console"],
    ["/console/../callbacks", "/console"],
    ["/console\\..\\..\\evil", "/console"],
    ["/console/%2e%2e/callbacks", "/console"],
    ["/consoles", "/console"],
    ["/console/sign-out", "/console"],
    ["/console/\r\nset-cookie: a=b", "/console/set-cookie:%20a=b"],
  ])("%j leads to %j", async (to, target) => {
    const visitor = new Visitor(service.app);
    const page = await visitor.send(`/console/sign-in?to=${encodeURIComponent(to)}`, "/console/sign-in", LOGIN);
    expect(page.url).toBe(target);
  });
});

describe("wrong passwords", () => {
  it("are slowed down: of a user from an address after five, and the right one waits too", async () => {
    const visitor = new Visitor(service.app);
    const statuses = [];
    for (let wrong = 0; wrong < 6; wrong++) {
      statuses.push((await signIn(visitor, { username: USER.username, password: `wrong ${wrong}` })).status);
    }
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429]);
    const waiting = await signIn(visitor, LOGIN);
    expect([waiting.status, waiting.headers["retry-after"]]).toEqual([429, "1"]);
    expect(waiting.text).toContain("Too many failed tries. Try again in 1 s.");
    clock.advance(1000);
    expect((await signIn(visitor, LOGIN)).url).toBe("/console");
  });

  it("and passwords with a NUL behind them are wrong", async () => {
    expect((await signIn(new Visitor(service.app), { ...LOGIN, password: `${USER.password}\0` })).status).toBe(422);
  });
});

describe("a code of `whcb console`", () => {
  it("needs the API's credentials", async () => {
    const answer = await service.app.inject({ method: "POST", url: "/console/code" });
    expect(answer.statusCode).toBe(401);
    const get = await service.app.inject({ url: "/console/code", headers: CREDENTIALS });
    expect(get.statusCode).not.toBe(200);
  });

  it("signs its user in once, however it is typed", async () => {
    const answer = await service.app.inject({ method: "POST", url: "/console/code", headers: CREDENTIALS });
    const { code, expiresAt } = answer.json();
    expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(Date.parse(expiresAt) - clock.now()).toBe(5 * MINUTE);
    const typed = ` ${code.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l")} `;
    const visitor = new Visitor(service.app);
    const page = await signIn(visitor, { code: typed });
    expect([page.url, page.text]).toEqual(["/console", expect.stringContaining(USER.username)]);
    const again = await signIn(new Visitor(service.app), { code });
    expect([again.status, again.text]).toEqual([422, expect.stringContaining("has been used or has expired")]);
  });

  it("is valid for five minutes", async () => {
    const [early, late] = [await newCode(), await newCode()];
    clock.advance(5 * MINUTE - 1);
    expect((await signIn(new Visitor(service.app), { code: early })).url).toBe("/console");
    clock.advance(1);
    expect((await signIn(new Visitor(service.app), { code: late })).status).toBe(422);
  });

  it("is void after five wrong ones that begin alike", async () => {
    const code = await newCode();
    const wrong = `${code.slice(0, 7)}00-0000`;
    for (let tries = 0; tries < 5; tries++) {
      await signIn(new Visitor(service.app), { code: wrong });
      clock.advance(MINUTE / 4);
    }
    expect((await signIn(new Visitor(service.app), { code })).status).toBe(422);
  });

  it("can't be guessed at will: tries from one address are slowed down", async () => {
    const visitor = new Visitor(service.app);
    const statuses = [];
    for (let wrong = 0; wrong < 6; wrong++) statuses.push((await signIn(visitor, { code: `0000-0000-000${wrong}` })).status);
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429]);
  });

  it("ends with the user's password", async () => {
    const code = await newCode();
    const deps = { credentials: service.store.credentials, random: systemRandom, author: author() };
    await changePassword({ username: USER.username, password: "another password" }, false, deps);
    expect((await signIn(new Visitor(service.app), { code })).status).toBe(422);
  });
});

describe("no secret", () => {
  it("is in any page or address", async () => {
    const code = await newCode();
    const visitor = new Visitor(service.app);
    const seen: PageSeen[] = [
      await signIn(visitor, { username: USER.username, password: "a wrong guess" }),
      await signIn(visitor, LOGIN),
      await visitor.open("/console"),
      await visitor.open("/console/sign-in"),
      await visitor.open("/console/nothing"),
      await visitor.send("/console", "/console/sign-out"),
      await signIn(visitor, { code: `${code}X` }),
      await signIn(visitor, { code }),
    ];
    const tokens = [...visitor.cookies.values()];
    const [credential] = await service.store.credentials.list();
    const secrets = [USER.password, USER.apiKey, "a wrong guess", code, credential?.passwordHash ?? "none", ...tokens];
    const leaks = seen.flatMap(({ url, html }) => secrets.filter((secret) => html.includes(secret) || url.includes(secret)));
    expect(leaks).toEqual([]);
  });
});
