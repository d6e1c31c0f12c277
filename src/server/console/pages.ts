/** Adds pages: a path, and a handler that makes a view model and returns the page. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { isSafe } from "../auth/request-origin.js";
import type { Connections } from "../connections.js";
import { answerTo, type ErrorAnswer } from "../requests/error-answers.js";
import { pathOf, rejectUnread } from "../requests/send-errors.js";
import type { Query } from "../routes/query-parameters.js";
import type { RouteContext } from "../routes/route-context.js";
import { ASSETS, sendAsset } from "./assets.js";
import { ErrorPage, renderForward, renderPage } from "./components/layout.js";
import { EVENT_STREAM, EVERYTHING, LiveStreams } from "./live-streams.js";
import type { LiveState, Page, PageAnswer, PageHandler, PageOptions, Visit } from "./page.js";
import { formToken, isFormToken, type Notice, Sessions, type Visitor } from "./sessions.js";

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  // Forms need an Origin.
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

interface Route extends PageOptions {
  readonly method: "GET" | "POST";
  readonly pattern: RegExp;
  readonly handler: PageHandler;
}

interface Admitted {
  /** null: there is no such page. */
  readonly route: Route | null;
  readonly visitor: Visitor;
  readonly params: Readonly<Record<string, string>>;
}

export class Pages {
  readonly context: RouteContext;
  readonly sessions: Sessions;
  readonly #connections: Connections;
  readonly #live: LiveStreams;
  readonly #routes: Route[] = [];
  readonly #admitted = new WeakMap<FastifyRequest, Admitted>();

  constructor(context: RouteContext, connections: Connections) {
    this.context = context;
    this.sessions = new Sessions(context.deps);
    this.#connections = connections;
    const { store, timers, maxConnections } = context.deps;
    this.#live = new LiveStreams({ store, timers, maxConnections, isCurrent: (request) => this.#isCurrent(request) });
    this.get("/console/events", (visit) => this.#stream(visit), { isBackground: true });
  }

  /** Ends streams: the service stops. */
  close(): void {
    this.#live.close();
  }

  /** `path`: like /console/callbacks/:id/edit. */
  get(path: string, handler: PageHandler, options: PageOptions = {}): void {
    this.#routes.push({ ...options, method: "GET", pattern: patternOf(path), handler });
  }

  /** A form's target. Only with the form's token. */
  post(path: string, handler: PageHandler, options: PageOptions = {}): void {
    this.#routes.push({ ...options, method: "POST", pattern: patternOf(path), handler });
  }

  /** Before a body is read: only of a visitor who is signed in, or wants to be. false: it will be answered here. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    reply.headers(HEADERS);
    const path = pathOf(request);
    const method = isSafe(request) ? "GET" : "POST";
    const route = this.#routes.find((one) => one.method === method && one.pattern.test(path)) ?? null;
    if (method === "GET" && path.startsWith("/console/assets/")) return true;
    const visitor = await this.#findVisitor(request, reply, route);
    if (visitor !== null) this.#admitted.set(request, { route, visitor, params: paramsOf(route, path) });
    else this.#askToSignIn(request, reply, route);
    return visitor !== null;
  }

  /** Once it is admitted. */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const admitted = this.#admitted.get(request);
    if (admitted === undefined) return sendAsset(pathOf(request), reply);
    const { route, visitor, params } = admitted;
    if (route === null) throw new WhcbError("not-found", "The console has no such page");
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    if (route.method === "POST" && !isFormToken(form.get("token"), visitor)) {
      throw new WhcbError("forbidden", "The form is out of date", {
        hint: "Open its page again; the browser must accept cookies",
      });
    }
    // It may have ended while the body came.
    const hasEnded = route.method === "POST" && visitor.credential !== null && !(await this.#isCurrent(request));
    if (hasEnded) throw sessionEnded();
    const username = visitor.credential?.username ?? null;
    const query = request.query as Query;
    const live = route.isLive ? await this.#liveState(params.id ?? EVERYTHING) : null;
    const mark = (text: string) => this.sessions.markOf(text, visitor);
    const answer = await route.handler({ params, query, form, username, formToken: formToken(visitor), mark, request, reply });
    switch (answer.kind) {
      case "page":
        return this.#sendPage(request, reply, visitor, answer, live);
      case "redirect":
        if (answer.notice !== undefined) this.sessions.leaveNotice(request, reply, visitor, answer.notice);
        return reply.redirect(answer.path, 303);
      case "forward":
        return sendForward(reply, answer.url);
      case "sent":
        return reply;
    }
  }

  #sendPage(request: FastifyRequest, reply: FastifyReply, visitor: Visitor, page: Page, live: LiveState | null): FastifyReply {
    const notice = isBackground(request, null) ? null : this.sessions.takeNotice(request, reply, visitor);
    return reply
      .code(page.status ?? 200)
      .type(HTML)
      .send(htmlOf(page, visitor, notice, live));
  }

  errorPage(request: FastifyRequest, reply: FastifyReply, { status, document }: ErrorAnswer): string {
    reply.headers(HEADERS);
    const visitor = this.#admitted.get(request)?.visitor ?? { credential: null, token: "" };
    const { errorSummary, errorDetail } = document;
    const isSignedOut = status === 401;
    const content = ErrorPage({ detail: errorDetail, requestId: request.id, wasForm: request.method === "POST", isSignedOut });
    return htmlOf({ kind: "page", title: isSignedOut ? "Signed out" : errorSummary, content }, visitor);
  }

  /** null: has to sign in. */
  async #findVisitor(request: FastifyRequest, reply: FastifyReply, route: Route | null): Promise<Visitor | null> {
    const found = await this.sessions.find(request, !isBackground(request, route));
    if (found.credential !== null) {
      this.#connections.markKnown(request.raw);
      return found;
    }
    if (route?.isOpen !== true && this.context.deps.authentication === "required") return null;
    return found.token === "" ? this.sessions.beginVisit(request, reply) : found;
  }

  /** Whether who was admitted still is. */
  async #isCurrent(request: FastifyRequest): Promise<boolean> {
    return this.context.deps.authentication === "none" || (await this.sessions.find(request, false)).credential !== null;
  }

  #askToSignIn(request: FastifyRequest, reply: FastifyReply, route: Route | null): void {
    if (!isSafe(request) || isBackground(request, route)) {
      rejectUnread(request, reply, SESSION_ENDED, this.context.deps.timers);
      return;
    }
    const target = `/console/sign-in?to=${encodeURIComponent(request.url)}`;
    // A link of another site: the browser holds the cookie back. From our own page it sends it.
    if (request.headers["sec-fetch-site"] === "cross-site") sendForward(reply, target);
    else reply.redirect(target, 303);
  }

  async #liveState(topic: string): Promise<LiveState> {
    return { topic, version: (await this.#live.versionsOf([topic])).get(topic) ?? "" };
  }

  async #stream({ query, formToken, request, reply }: Visit): Promise<PageAnswer> {
    const topics = [query.topic ?? []].flat();
    if (request.method === "HEAD") reply.type(EVENT_STREAM).send();
    else await this.#live.start({ topics, session: formToken, request, reply });
    return { kind: "sent" };
  }
}

/** The script asks by itself: also for a page again (live.js). */
function isBackground({ headers }: FastifyRequest, route: Route | null): boolean {
  return route?.isBackground === true || headers["x-refresh"] !== undefined;
}

const HTML = "text/html; charset=utf-8";
const sessionEnded = () => new WhcbError("unauthenticated", "The session has ended");
const SESSION_ENDED = answerTo(sessionEnded());

/** No address that it leads from or to is passed on. */
function sendForward(reply: FastifyReply, url: string): FastifyReply {
  return reply.header("referrer-policy", "no-referrer").type(HTML).send(renderForward(url));
}

function htmlOf(page: Page, visitor: Visitor, notice: Notice | null = null, live: LiveState | null = null): string {
  const username = visitor.credential?.username ?? null;
  return renderPage({ page, live, username, formToken: formToken(visitor), notice, assets: ASSETS });
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
}

function paramsOf(route: Route | null, path: string): Record<string, string> {
  const groups = route?.pattern.exec(path)?.groups ?? {};
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
}
