/** On this machine programs of other users get a host's cookies too, so each session has a host of its own. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/platform/logger.js";
import { hiddenFields, Visitor } from "../support/server/console-visitor.js";
import { closeService, openService, type Service, USER } from "../support/server/server-fixture.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const MINUTE = 60_000;
const LOGIN = { username: USER.username, password: USER.password };
const PLAIN = "127.0.0.1:8787";
const OWN = /^[0-9a-f]{32}\.localhost:8787$/;

let service: Service;
let clock: VirtualClock;
let logged: unknown[];

beforeEach(async () => {
  clock = new VirtualClock();
  logged = [];
  service = await open([]);
});

afterEach(() => closeService(service));

function open(knownHosts: readonly string[] | null): Promise<Service> {
  return openService({ clock, knownHosts, logger: { ...silentLogger, info: (fields) => void logged.push(fields) } });
}

async function reopen(knownHosts: readonly string[] | null): Promise<void> {
  await closeService(service);
  service = await open(knownHosts);
}

/** Restarts the service on the same database, and returns the visitor there, with the same cookies. */
async function restart(knownHosts: readonly string[], visitor: Visitor): Promise<Visitor> {
  await service.app.close();
  service = await openService({ clock, knownHosts, store: service.store });
  const there = new Visitor(service.app, { host: visitor.host });
  for (const [name, value] of visitor.cookies) there.cookies.set(name, value);
  return there;
}

async function signIn(host = PLAIN, to = "/console"): Promise<Visitor> {
  const visitor = new Visitor(service.app, { host });
  const page = await visitor.send(`/console/sign-in?to=${encodeURIComponent(to)}`, "/console/sign-in", LOGIN);
  expect([page.status, page.url]).toEqual([200, to]);
  return visitor;
}

/** Returns the address with the ticket to which signing in leads, without visiting it, and the page that leads there. */
async function signInToTicket(headers: Readonly<Record<string, string>> = { host: PLAIN }) {
  const visitor = new Visitor(service.app, headers);
  const { html } = await visitor.open("/console/sign-in");
  const [, token = ""] = /name="token" value="([^"]+)"/.exec(html) ?? [];
  const answer = await service.app.inject({
    method: "POST",
    url: "/console/sign-in",
    headers: { ...headers, cookie: cookieOf(visitor), "content-type": "application/x-www-form-urlencoded" },
    payload: new URLSearchParams({ ...LOGIN, token, to: "/console?a=1&b=2" }).toString(),
  });
  const [, url = ""] = /content="0; url=([^"]+)"/.exec(answer.body) ?? [];
  return { answer, url: new URL(url.replaceAll("&amp;", "&")) };
}

const cookieOf = ({ cookies }: Visitor) => [...cookies].map((pair) => pair.join("=")).join("; ");

async function isSignedIn(host: string, cookie: string): Promise<boolean> {
  const answer = await service.app.inject({ url: "/console", headers: { host, cookie, accept: "text/html" } });
  return answer.statusCode === 200 && answer.body.includes("Manage API Callbacks");
}

/** Follows a link or a redirect as a browser does. Returns the host's answer, and the cookie that it sets. */
async function follow({ host, pathname, search }: URL, at = host) {
  const answer = await service.app.inject({ url: pathname + search, headers: { host: at, "sec-fetch-site": "cross-site" } });
  const cookies = [answer.headers["set-cookie"] ?? []].flat().map(String);
  return {
    ...answer,
    body: answer.body,
    session: cookies.find((line) => line.startsWith("whcb-session"))?.split(";")[0] ?? null,
  };
}

describe("a session of this machine", () => {
  it.each([PLAIN, "localhost:8787", "[::1]:8787", "whcb.localhost:8787"])(
    "that begins at %s has a host of its own",
    async (host) => {
      const first = await signIn(host, "/console?a=1&b=2");
      const second = await signIn(host);
      expect([first.host, second.host]).toEqual([expect.stringMatching(OWN), expect.stringMatching(OWN)]);
      expect(first.host).not.toBe(second.host);
      expect([await isSignedIn(first.host, cookieOf(first)), await isSignedIn(second.host, cookieOf(second))]).toEqual([
        true,
        true,
      ]);
    },
  );

  it.each(["0.0.0.0:8787", "[::]:8787", "[::ffff:0:0]:8787"])("has a host of its own also if it begins at %s", async (host) => {
    await reopen(null);
    expect((await signInToTicket({ host })).url.host).toMatch(OWN);
  });

  it("is accepted at no other host", async () => {
    await reopen(null);
    const visitor = await signIn();
    const cookie = cookieOf(visitor);
    const other = await signIn();
    for (const host of [PLAIN, "localhost:8787", "[::1]:8787", other.host, `x.${visitor.host}`, "whcb.example:8787"]) {
      expect([host, await isSignedIn(host, cookie)]).toEqual([host, false]);
    }
    expect(await isSignedIn(visitor.host, cookie)).toBe(true);
  });

  it("gets its cookie at its own host only, and the page that leads there has no form and passes on no address", async () => {
    const { answer, url } = await signInToTicket();
    expect([answer.statusCode, answer.headers["set-cookie"]]).toEqual([200, undefined]);
    expect(answer.headers).toMatchObject({
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("form-action 'self'"),
    });
    expect(answer.body).not.toMatch(/<form|<script|<link/);
    expect(url.host).toMatch(OWN);
    const { statusCode, headers, body, session } = await follow(url);
    expect([statusCode, headers["referrer-policy"], session]).toEqual([200, "no-referrer", expect.any(String)]);
    // It isn't a redirect, to which a browser that comes from another host would bring no cookie.
    expect(body).toContain('content="0; url=/console?a=1&amp;b=2"');
    expect(await isSignedIn(url.host, session ?? "")).toBe(true);
  });

  it("leaves its host's name in no log line", async () => {
    const visitor = await signIn();
    await visitor.open("/console/nothing");
    const [name = ""] = visitor.host.split(":");
    expect([logged.length > 3, JSON.stringify(logged).includes(name)]).toEqual([true, false]);
  });

  it("ends at the address where people sign in", async () => {
    const visitor = await signIn();
    const { host } = visitor;
    const cookie = cookieOf(visitor);
    const page = await visitor.send("/console", "/console/sign-out");
    expect([visitor.host, page.url]).toEqual([PLAIN, "/console/sign-in?to=%2Fconsole"]);
    expect(await isSignedIn(host, cookie)).toBe(false);
  });

  it("that has expired leads there too, and then to the page that was asked for", async () => {
    const visitor = await signIn();
    const { host } = visitor;
    clock.advance(60 * MINUTE);
    const asked = await visitor.open("/console?a=1&b=2");
    expect([visitor.host, asked.url]).toEqual([PLAIN, `/console/sign-in?to=${encodeURIComponent("/console?a=1&b=2")}`]);
    const page = await visitor.send(asked.url, "/console/sign-in", LOGIN);
    expect([page.status, page.url, OWN.test(visitor.host), visitor.host === host]).toEqual([
      200,
      "/console?a=1&b=2",
      true,
      false,
    ]);
  });

  it("ends with the process that it began in: another program may have got its cookie at this port meanwhile", async () => {
    const visitor = await restart([], await signIn());
    const cookie = cookieOf(visitor);
    expect(await isSignedIn(visitor.host, cookie)).toBe(false);
    const page = await visitor.open("/console?a=1");
    expect([visitor.host, page.url]).toEqual([PLAIN, "/console/sign-in?to=%2Fconsole%3Fa%3D1"]);
    await visitor.send(page.url, "/console/sign-in", LOGIN);
    expect(await isSignedIn(visitor.host, cookieOf(visitor))).toBe(true);
    // The clock may be set back.
    clock.set(clock.now() - 60 * MINUTE);
    expect(await isSignedIn((await signIn()).host, cookie)).toBe(false);
    const later = await signIn();
    expect(await isSignedIn(later.host, cookieOf(later))).toBe(true);
  });

  it("loses no form that is sent after a restart: it is there after signing in again", async () => {
    const before = await signIn();
    const path = "/console/callbacks/new";
    const fields = hiddenFields((await before.open(path)).html, path);
    const visitor = await restart([], before);
    const page = await visitor.post(path, { ...fields, name: "typed before" });
    expect([visitor.host, page.text]).toEqual([PLAIN, expect.stringContaining("What you typed is shown again")]);
    const { to = "" } = hiddenFields(page.html, "/console/sign-in");
    const form = await visitor.send(`/console/sign-in?to=${encodeURIComponent(to)}`, "/console/sign-in", LOGIN);
    expect([form.status, form.html]).toEqual([200, expect.stringContaining('value="typed before"')]);
  });

  it("has the scheme and the port that a trusted proxy names", async () => {
    await closeService(service);
    service = await openService({ clock, knownHosts: [], isTrustedProxy: (address) => address === "127.0.0.1" });
    const forwarded = { host: PLAIN, "x-forwarded-proto": "https", "x-forwarded-host": "localhost" };
    const { url } = await signInToTicket(forwarded);
    expect(url.origin).toMatch(/^https:\/\/[0-9a-f]{32}\.localhost$/);
  });
});

describe("a ticket", () => {
  it("works once", async () => {
    const { url } = await signInToTicket();
    const sessions = (await Promise.all([follow(url), follow(url), follow(url)])).map(({ session }) => session);
    expect(sessions.filter((session) => session !== null)).toHaveLength(1);
    expect((await follow(url)).session).toBeNull();
  });

  it("works within a minute", async () => {
    const [early, late] = [await signInToTicket(), await signInToTicket()];
    clock.advance(MINUTE - 1);
    expect((await follow(early.url)).session).not.toBeNull();
    clock.advance(1);
    expect((await follow(late.url)).session).toBeNull();
  });

  it("works in the process that it is of", async () => {
    const { url } = await signInToTicket();
    await restart([], new Visitor(service.app));
    expect((await follow(url)).session).toBeNull();
  });

  it("works at its own host only, which isn't used up by a try elsewhere", async () => {
    const { url } = await signInToTicket();
    for (const host of [PLAIN, "localhost:8787", "0123456789abcdef0123456789abcdef.localhost:8787", `x.${url.host}`]) {
      expect([host, (await follow(url, host)).session]).toEqual([host, null]);
    }
    expect((await follow(url)).session).not.toBeNull();
  });

  it("isn't a session, and a session isn't a ticket", async () => {
    const { url } = await signInToTicket();
    const ticket = url.searchParams.get("ticket") ?? "";
    expect(await isSignedIn(url.host, `whcb-session-8787=${ticket}`)).toBe(false);
    const { session } = await follow(url);
    url.searchParams.set("ticket", session?.split("=")[1] ?? "");
    expect((await follow(url)).session).toBeNull();
  });

  it("that was opened again, or is another's, leads on a visitor who is signed in, and others to where they sign in", async () => {
    const { url } = await signInToTicket();
    const { session } = await follow(url);
    const at = { host: url.host, cookie: session ?? "" };
    const again = await service.app.inject({ url: url.pathname + url.search, headers: at });
    expect([again.statusCode, again.headers.location]).toEqual([303, "/console?a=1&b=2"]);
    expect((await follow(url)).body).toContain(`url=http://${PLAIN}/console/sign-in?to=`);
  });
});

describe("a name that is given with --allow-host", () => {
  it.each(["127.0.0.1:8787", "whcb.localhost:8787"])("keeps its sessions, over a restart too: %s", async (host) => {
    const names = [host.slice(0, -":8787".length).toUpperCase()];
    await reopen(names);
    const visitor = await signIn(host);
    expect([visitor.host, [...visitor.cookies.keys()].includes("whcb-session-8787")]).toEqual([host, true]);
    await restart(names, visitor);
    expect(await isSignedIn(host, cookieOf(visitor))).toBe(true);
    expect((await signIn("localhost:8787")).host).toMatch(OWN);
  });
});

it("a name that isn't this machine's keeps its sessions", async () => {
  await reopen(null);
  for (const host of ["whcb.example:8787", "192.0.2.1:8787", "localhost.example:8787"]) {
    expect((await signIn(host)).host).toBe(host);
  }
});
