/** Sessions are described in docs/operations.md, The console. */
import { createHash, createHmac } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Callback } from "../../domain/callback.js";
import { peerOwner } from "../../platform/files/peer-owner.js";
import { isLoopbackHost, isUnspecifiedHost } from "../../platform/loopback.js";
import { newSecret, type Random, randomId, shortId } from "../../platform/random.js";
import type { SessionLimits } from "../../store/console-sessions.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { Store } from "../../store/open-store.js";
import { authorOf } from "../auth/author.js";
import { isSameSecret } from "../auth/credential-hashes.js";
import { hostNameOf, isSharedName, schemeOf } from "../auth/request-origin.js";
import type { ServerDeps } from "../server-deps.js";
import { pathInConsole } from "./console-path.js";

const LONGEST_MS = 12 * 3_600_000;
const IDLE_MS = 3_600_000;
/** Who has a session that ended within this time gets a form back that was sent too late. */
const KEPT_MS = 24 * 3_600_000;
/** A session isn't written for each page. */
const TOUCH_MS = 60_000;
/** The browser goes to the session's host at once. */
const TICKET_MS = 60_000;
/** A notice is shown by the page that follows at once. */
const NOTICE_SECONDS = 60;

export interface Visitor {
  /** `credential` is null if nobody is signed in. */
  readonly credential: StoredCredential | null;
  /** The token of the session, else of the visit: forms and notices are bound to it. Without a cookie it is "". */
  readonly token: string;
}

declare module "fastify" {
  interface FastifyRequest {
    /** `visitor` is null until the console has looked for a session. */
    visitor: Visitor | null;
  }
}

export interface SessionEntry {
  readonly origin: string;
  readonly ticket: string;
}

export interface Notice {
  readonly kind: "done" | "problem";
  readonly text: string;
  /** The link leads to what may be done next. */
  readonly link?: { readonly text: string; readonly href: string };
}

export class Sessions {
  readonly #deps: ServerDeps;
  /** Tokens for shared names begin with it. */
  readonly #start: string;

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    this.#start = shortId(deps.random);
  }

  /** If the visitor did something (`isActive`), the session stays for another hour. */
  async findVisitor(request: FastifyRequest, isActive: boolean): Promise<Visitor> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    for (const token of this.#sessionTokens(request)) {
      if (this.#isOfEarlierStart(token, request)) continue;
      const tokenHash = hashToken(token, this.#placeOf(request));
      const found = await store.sessions.find(tokenHash, limitsAt(now));
      if (found === null) continue;
      if (isActive && now - found.session.usedAt >= TOUCH_MS) await store.sessions.recordUse(tokenHash, now);
      return { credential: found.credential, token };
    }
    return { credential: null, token: cookiesOf(request, "visit")[0] ?? "" };
  }

  /** Returns the user of a session that has ended by itself or by a restart. It is null after a sign-out, a new password and a day. */
  async findFormerUser(request: FastifyRequest): Promise<string | null> {
    const { store, clock } = this.#deps;
    for (const token of this.#sessionTokens(request)) {
      const found = await store.sessions.find(hashToken(token, this.#placeOf(request)), keptAt(clock.now()));
      if (found !== null) return found.session.username;
    }
    return null;
  }

  /**
   * The session always gets a new token, so one that was planted is worth nothing. If it needs a host of its own, returns that
   * host's origin, and a ticket for `enter` there; else null.
   */
  async beginSession(request: FastifyRequest, reply: FastifyReply, credential: StoredCredential): Promise<SessionEntry | null> {
    const { store, clock, random } = this.#deps;
    await this.#end(request);
    const secret = this.#newToken(request);
    const now = clock.now();
    const host = this.#isShared(request) ? `${randomId(random).toLowerCase()}.localhost${portSuffixOf(request)}` : null;
    const tokenHash =
      host === null ? hashToken(secret, this.#placeOf(request)) : hashTicket(secret, this.#placeOf(request, host));
    const session = { tokenHash, username: credential.username, createdAt: now, usedAt: now };
    await store.sessions.create(session, credential, keptAt(now), {
      ...authorOf(request, this.#deps),
      user: credential.username,
    });
    if (host !== null) return { origin: `${schemeOf(request)}://${host}`, ticket: secret };
    setCookie(request, reply, "session", secret, KEPT_MS / 1000);
    return null;
  }

  /** A ticket enters once, at the host that it is for. Returns false if it is for another one, has been used or has expired. */
  async redeemTicket(request: FastifyRequest, reply: FastifyReply, ticket: string): Promise<boolean> {
    const { store, clock } = this.#deps;
    if (!isOurToken(store, ticket) || this.#isOfEarlierStart(ticket, request)) return false;
    const ticketHash = hashTicket(ticket, this.#placeOf(request));
    const now = clock.now();
    // It is read first, so a stranger's guesses write nothing.
    const found = await store.sessions.find(ticketHash, { ...limitsAt(now), createdAfter: now - TICKET_MS });
    const token = this.#newToken(request);
    if (found === null || !(await store.sessions.replaceToken(ticketHash, hashToken(token, this.#placeOf(request)))))
      return false;
    setCookie(request, reply, "session", token, KEPT_MS / 1000);
    return true;
  }

  async endSession(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#end(request);
    setCookie(request, reply, "session", "", 0);
  }

  async #end(request: FastifyRequest): Promise<void> {
    for (const token of this.#sessionTokens(request))
      await this.#deps.store.sessions.end(hashToken(token, this.#placeOf(request)));
  }

  /** Leaves out what a stranger has made up. */
  #sessionTokens(request: FastifyRequest): readonly string[] {
    return cookiesOf(request, "session").filter((token) => isOurToken(this.#deps.store, token));
  }

  /** People sign in at an address that they know, not at the host of a session that has ended. Returns null if the request's is known. */
  signInOrigin(request: FastifyRequest): string | null {
    const name = hostNameOf(request.host);
    const isKnown = !this.#isShared(request) || isLoopbackHost(name) || isUnspecifiedHost(name);
    return isKnown ? null : `${schemeOf(request)}://127.0.0.1${portSuffixOf(request)}`;
  }

  /**
   * A token is worth nothing at another host. On this machine it is worth nothing to another user either, whose program may have got the
   * cookie.
   */
  #placeOf(request: FastifyRequest, host = request.host): string {
    const owner = this.#isShared(request) ? peerOwner(request.raw.socket) : null;
    return owner === null ? hostNameOf(host) : `${hostNameOf(host)} ${owner}`;
  }

  #isShared({ host }: FastifyRequest): boolean {
    return isSharedName(hostNameOf(host), this.#deps.knownHosts);
  }

  #newToken(request: FastifyRequest): string {
    const { store, random } = this.#deps;
    return newToken(store, random, this.#isShared(request) ? this.#start : "");
  }

  /** While the service was stopped, an open page may have sent the token to another program at this port. */
  #isOfEarlierStart(token: string, request: FastifyRequest): boolean {
    return this.#isShared(request) && !token.startsWith(this.#start);
  }

  /** Binds a form to a visitor without a session. */
  beginVisit(request: FastifyRequest, reply: FastifyReply): Visitor {
    const token = newSecret(this.#deps.random);
    setCookie(request, reply, "visit", token, LONGEST_MS / 1000);
    return { credential: null, token };
  }

  /** The next page shows it. It is in a cookie, as anybody could make a URL, and signed, as any server of this host can set a cookie. */
  leaveNotice(request: FastifyRequest, reply: FastifyReply, notice: Notice): void {
    const text = Buffer.from(JSON.stringify({ ...notice, text: notice.text.slice(0, 500) })).toString("base64url");
    setCookie(request, reply, "notice", `${text}.${this.#signatureOf(text, request)}`, NOTICE_SECONDS);
  }

  takeNotice(request: FastifyRequest, reply: FastifyReply): Notice | null {
    const [value] = cookiesOf(request, "notice");
    if (value === undefined) return null;
    setCookie(request, reply, "notice", "", 0);
    const [text = "", signature = ""] = value.split(".");
    if (!isSameSecret(Buffer.from(signature), Buffer.from(this.#signatureOf(text, request)))) return null;
    const { link, ...notice }: Notice = JSON.parse(Buffer.from(text, "base64url").toString());
    return link === undefined ? notice : { ...notice, link: { ...link, href: pathInConsole(link.href) } };
  }

  /**
   * Who has the token of a session must not be able to try out what was marked. A copy of the database has the token and the key, too.
   * `what` begins with the mark's purpose, and names the callback: another one's equal key must have another mark.
   */
  markOf(what: readonly string[], request: FastifyRequest): string {
    const { store } = this.#deps;
    return store.sign(`mark ${tokenOf(request)} ${store.databaseId} ${JSON.stringify(what)}`);
  }

  /**
   * Changes with each change of where the callback's calls are sent, and with which key. By a mark of the values, a user who saves guesses would
   * find out when the key is again what it was.
   */
  targetMarkOf({ id, auth, targetVersion }: Callback, request: FastifyRequest): string {
    return this.markOf(["target", id, auth.type, targetVersion], request);
  }

  /** A visit's token may be planted too, so it can't be the key. */
  #signatureOf(text: string, request: FastifyRequest): string {
    return this.#deps.store.sign(`notice ${tokenOf(request)} ${text}`);
  }
}

export function tokenOf({ visitor }: FastifyRequest): string {
  return visitor?.token ?? "";
}

/** Returns the value of a form's hidden field. It differs for each page, as the sizes of compressed pages would give away one that repeats. */
export function formToken(request: FastifyRequest): string {
  return saltedToken(request, request.id);
}

export function isFormToken(given: string | null, request: FastifyRequest): boolean {
  if (tokenOf(request) === "" || given === null) return false;
  const salt = given.slice(0, Math.max(0, given.lastIndexOf(".")));
  return isSameSecret(Buffer.from(given), Buffer.from(saltedToken(request, salt)));
}

function saltedToken(request: FastifyRequest, salt: string): string {
  return `${salt}.${createHmac("sha256", tokenOf(request)).update(`form ${salt}`).digest("base64url")}`;
}

function limitsAt(now: number): SessionLimits {
  return { createdAfter: now - LONGEST_MS, usedAfter: now - IDLE_MS };
}

function keptAt(now: number): SessionLimits {
  return { createdAfter: now - KEPT_MS, usedAfter: now - KEPT_MS };
}

function hashToken(token: string, place: string): string {
  return createHash("sha256").update(`${place} ${token}`).digest("hex");
}

function hashTicket(ticket: string, place: string): string {
  return hashToken(`ticket ${ticket}`, place);
}

type Signer = Pick<Store, "sign">;

/** It is signed, so that the database isn't asked for one that somebody has made up. */
export function newToken(store: Signer, random: Random, start = ""): string {
  return signedToken(store, start + newSecret(random));
}

/** A request may have hundreds of cookies of a session's name, and each signature takes its time. */
const TOKEN = /^([\w-]{32}|[\w-]{48})\.[\w-]{43}$/;

function isOurToken(store: Signer, token: string): boolean {
  const [, secret] = TOKEN.exec(token) ?? [];
  return secret !== undefined && isSameSecret(Buffer.from(token), Buffer.from(signedToken(store, secret)));
}

function signedToken(store: Signer, secret: string): string {
  return `${secret}.${store.sign(`session ${secret}`)}`;
}

type CookieName = "session" | "visit" | "notice";

/** Cookies don't depend on the port: two services of one machine would end each other's sessions. */
function cookieName(request: FastifyRequest, name: CookieName): string {
  return `whcb-${name}${portSuffixOf(request).replace(":", "-")}`;
}

/** Returns ":8787", or "" for the scheme's port. */
function portSuffixOf({ host }: FastifyRequest): string {
  return /:\d+$/.exec(host)?.[0] ?? "";
}

/**
 * Another server of the same domain may set cookies of this name, which come first if they are for a longer path. Cookies of other names, of
 * which a visitor may send thousands, aren't parsed.
 */
function cookiesOf(request: FastifyRequest, name: CookieName): readonly string[] {
  const cookie = new RegExp(`(?:^|; *)${cookieName(request, name)}=([\\w.-]{1,2000})(?=;|$)`, "g");
  return [...(request.headers.cookie ?? "").matchAll(cookie)].map(([, value = ""]) => value);
}

function setCookie(request: FastifyRequest, reply: FastifyReply, name: CookieName, value: string, maxAge: number): void {
  const secure = schemeOf(request) === "https" ? "; Secure" : "";
  const attributes = `Max-Age=${maxAge}; Path=/console; HttpOnly${secure}; SameSite=Strict`;
  reply.header("set-cookie", `${cookieName(request, name)}=${value}; ${attributes}`);
}
