/** Who is signed in to the console: docs/operations.md, The console. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { newSecret } from "../../platform/random.js";
import type { SessionLimits } from "../../store/console-sessions.js";
import type { StoredCredential } from "../../store/credentials.js";
import { schemeOf } from "../auth/request-origin.js";
import type { ServerDeps } from "../server-deps.js";
import { pathInConsole } from "./console-path.js";

const LONGEST_MS = 12 * 3_600_000;
const IDLE_MS = 3_600_000;
/** Not a write per page. */
const TOUCH_MS = 60_000;
/** A notice is shown by the page that follows at once. */
const NOTICE_SECONDS = 60;

export interface Visitor {
  /** null: not signed in. */
  readonly credential: StoredCredential | null;
  /** Of the session, else of the visit; forms and notices are bound to it. "": no cookie. */
  readonly token: string;
}

export interface Notice {
  readonly kind: "done" | "problem";
  readonly text: string;
  /** What may be done next. */
  readonly link?: { readonly text: string; readonly href: string };
}

type Deps = Pick<ServerDeps, "store" | "clock" | "random">;

export class Sessions {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** `isActive`: the visitor did something, so the session stays for another hour. */
  async find(request: FastifyRequest, isActive: boolean): Promise<Visitor> {
    const { store, clock } = this.#deps;
    const token = cookieOf(request, "session");
    const visit: Visitor = { credential: null, token: cookieOf(request, "visit") };
    if (token === "") return visit;
    const tokenHash = hashToken(token);
    const now = clock.now();
    const found = await store.findSession(tokenHash, limitsAt(now));
    if (found === null) return visit;
    if (isActive && now - found.session.usedAt >= TOUCH_MS) await store.touchSession(tokenHash, now);
    return { credential: found.credential, token };
  }

  /** Always with a new token: one that was planted is worth nothing. */
  async begin(request: FastifyRequest, reply: FastifyReply, credential: StoredCredential): Promise<Visitor> {
    const { store, clock, random } = this.#deps;
    await store.endSession(hashToken(cookieOf(request, "session")));
    const token = newSecret(random);
    const now = clock.now();
    const session = { tokenHash: hashToken(token), username: credential.username, createdAt: now, usedAt: now };
    await store.createSession(session, credential, limitsAt(now));
    setCookie(request, reply, "session", token, LONGEST_MS / 1000);
    return { credential, token };
  }

  async end(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#deps.store.endSession(hashToken(cookieOf(request, "session")));
    setCookie(request, reply, "session", "", 0);
  }

  /** For a form of a visitor without a session. */
  beginVisit(request: FastifyRequest, reply: FastifyReply): Visitor {
    const token = newSecret(this.#deps.random);
    setCookie(request, reply, "visit", token, LONGEST_MS / 1000);
    return { credential: null, token };
  }

  /** Shown by the next page. In a cookie, since a URL could be made by anybody; signed, since any server of this host can set one. */
  leaveNotice(request: FastifyRequest, reply: FastifyReply, visitor: Visitor, notice: Notice): void {
    const text = Buffer.from(JSON.stringify({ ...notice, text: notice.text.slice(0, 500) })).toString("base64url");
    setCookie(request, reply, "notice", `${text}.${this.#signatureOf(text, visitor)}`, NOTICE_SECONDS);
  }

  takeNotice(request: FastifyRequest, reply: FastifyReply, visitor: Visitor): Notice | null {
    const value = cookieOf(request, "notice");
    if (value === "") return null;
    setCookie(request, reply, "notice", "", 0);
    const [text = "", signature = ""] = value.split(".");
    if (!isSame(signature, this.#signatureOf(text, visitor))) return null;
    const { link, ...notice }: Notice = JSON.parse(Buffer.from(text, "base64url").toString());
    return link === undefined ? notice : { ...notice, link: { ...link, href: pathInConsole(link.href) } };
  }

  /** A visit's token may be planted too, so it can't be the key. */
  #signatureOf(text: string, { token }: Visitor): string {
    return this.#deps.store.sign(`notice ${token} ${text}`);
  }
}

/** For a form's hidden field. */
export function formToken({ token }: Visitor): string {
  return signed(token, "form");
}

export function isFormToken(given: string | null, visitor: Visitor): boolean {
  return visitor.token !== "" && given !== null && isSame(given, formToken(visitor));
}

export function markOf(text: string, { token }: Visitor): string {
  return signed(token, `mark ${text}`);
}

function limitsAt(now: number): SessionLimits {
  return { createdAfter: now - LONGEST_MS, usedAfter: now - IDLE_MS };
}

function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function signed(token: string, text: string): string {
  return createHmac("sha256", token).update(text).digest("base64url");
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

type CookieName = "session" | "visit" | "notice";

/** Cookies don't depend on the port: two services of one machine would end each other's sessions. */
function cookieName({ host }: FastifyRequest, name: CookieName): string {
  const [, port] = /:(\d+)$/.exec(host) ?? [];
  return port === undefined ? `whcb-${name}` : `whcb-${name}-${port}`;
}

function cookieOf(request: FastifyRequest, name: CookieName): string {
  const wanted = `${cookieName(request, name)}=`;
  const found = request.headers.cookie?.split(";").find((part) => part.trimStart().startsWith(wanted));
  const value = found?.trim().slice(wanted.length) ?? "";
  return /^[\w.-]{1,2000}$/.test(value) ? value : "";
}

function setCookie(request: FastifyRequest, reply: FastifyReply, name: CookieName, value: string, seconds: number): void {
  const secure = schemeOf(request) === "https" ? "; Secure" : "";
  const attributes = `Path=/console; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  reply.header("set-cookie", `${cookieName(request, name)}=${value}; ${attributes}`);
}
