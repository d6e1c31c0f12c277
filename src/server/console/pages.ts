/** Adds pages: a path, and a handler that makes a view model and returns the page. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { isSafe } from "../auth/request-origin.js";
import type { Connections } from "../connections.js";
import type { ErrorAnswer } from "../requests/error-answers.js";
import type { Query } from "../routes/query-parameters.js";
import type { RouteContext } from "../routes/route-context.js";
import { ASSETS, sendAsset } from "./assets.js";
import { ErrorPage, renderPage } from "./components/layout.js";
import type { Page, PageHandler, PageOptions, Visit } from "./page.js";
import { formToken, isFormToken, leaveNotice, Sessions, takeNotice, type Visitor } from "./sessions.js";

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

export class Pages {
  readonly context: RouteContext;
  readonly sessions: Sessions;
  readonly #connections: Connections;
  readonly #routes: Route[] = [];

  constructor(context: RouteContext, connections: Connections) {
    this.context = context;
    this.sessions = new Sessions(context.deps);
    this.#connections = connections;
  }

  /** `path`: like /console/callbacks/:id/edit. */
  get(path: string, handler: PageHandler, options: PageOptions = {}): void {
    this.#routes.push({ ...options, method: "GET", pattern: patternOf(path), handler });
  }

  /** A form's target. Only with the form's token. */
  post(path: string, handler: PageHandler, options: PageOptions = {}): void {
    this.#routes.push({ ...options, method: "POST", pattern: patternOf(path), handler });
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.headers(HEADERS);
    const path = (request.url.split("?", 1)[0] ?? "").replace(/(.)\/$/, "$1");
    if (isSafe(request) && path.startsWith("/console/assets/")) return sendAsset(path, reply);
    const method = isSafe(request) ? "GET" : "POST";
    const route = this.#routes.find((one) => one.method === method && one.pattern.test(path));
    const visitor = await this.#visitor(request, reply, route);
    if (visitor === null) return reply;
    if (route === undefined) throw new WhcbError("not-found", "The console has no such page");
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    if (method === "POST" && !isFormToken(form.get("token"), visitor)) {
      throw new WhcbError("forbidden", "The form is out of date", { hint: "Open its page again" });
    }
    const visit: Visit = {
      params: decoded(route.pattern.exec(path)?.groups ?? {}),
      query: request.query as Query,
      form,
      username: visitor.credential?.username ?? null,
      formToken: formToken(visitor),
      request,
      reply,
    };
    const answer = await route.handler(visit);
    switch (answer.kind) {
      case "page":
        return this.#send(visit, visitor, answer);
      case "redirect":
        if (answer.notice !== undefined) leaveNotice(request, reply, visitor, answer.notice);
        return reply.redirect(answer.path, 303);
      case "sent":
        return reply;
    }
  }

  errorPage(request: FastifyRequest, reply: FastifyReply, { document }: ErrorAnswer): string {
    reply.headers(HEADERS);
    const { errorSummary, errorDetail } = document;
    return renderPage({
      page: {
        kind: "page",
        title: errorSummary,
        content: ErrorPage({ detail: errorDetail, requestId: request.id, wasForm: request.method === "POST" }),
      },
      username: null,
      formToken: "",
      notice: null,
      assets: ASSETS,
    });
  }

  /** null: answered, since the visitor has to sign in first. */
  async #visitor(request: FastifyRequest, reply: FastifyReply, route: Route | undefined): Promise<Visitor | null> {
    const found = await this.sessions.find(request, route?.isBackground !== true);
    if (found.credential !== null) {
      this.#connections.markKnown(request.raw);
      return found;
    }
    const isOpen = route?.isOpen === true || this.context.deps.authentication === "none";
    if (isOpen) return found.token === "" ? this.sessions.beginVisit(request, reply) : found;
    if (route?.isBackground === true) throw new WhcbError("unauthenticated", "The session has ended");
    const { url } = request;
    reply.redirect(isSafe(request) ? `/console/sign-in?to=${encodeURIComponent(url)}` : "/console/sign-in", 303);
    return null;
  }

  #send({ username, formToken, request, reply }: Visit, visitor: Visitor, page: Page): FastifyReply {
    const notice = takeNotice(request, reply, visitor);
    const html = renderPage({ page, username, formToken, notice, assets: ASSETS });
    return reply
      .code(page.status ?? 200)
      .type("text/html; charset=utf-8")
      .send(html);
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
}

function decoded(groups: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
}
