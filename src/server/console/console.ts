/** The console's pages have sessions in place of the API's credentials. Everything else of the service applies to them too. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { isSafe } from "../auth/request-origin.js";
import { readBody } from "../requests/bodies.js";
import { answerTo, type ErrorAnswer, errorAnswer } from "../requests/error-answers.js";
import { hasMoreFields } from "../requests/queries.js";
import { reserveAnswer } from "../requests/send-document.js";
import { rejectUnread } from "../requests/send-errors.js";
import type { Query } from "../routes/query-parameters.js";
import type { CallbackPath, RouteContext } from "../routes/route-context.js";
import { ASSETS, sendAsset } from "./assets.js";
import { ErrorPage, renderForward, renderPage } from "./components/layout.js";
import { compressPage } from "./compression.js";
import { consolePath, signInPath } from "./console-path.js";
import { isShortKeptForm, keepForm, pageOfForm } from "./kept-forms.js";
import { EVENT_STREAM, EVERYTHING, LiveStreams } from "./live-streams.js";
import { type ConsoleContext, formOf, type LiveState, type Page } from "./page.js";
import { addAudit } from "./pages/audit.js";
import { addCallList } from "./pages/call-list.js";
import { addCallbackList } from "./pages/callback-list.js";
import { addConfirmation } from "./pages/confirm-action.js";
import { addCallbackPages } from "./pages/edit-callback.js";
import { addCallExport } from "./pages/export-calls.js";
import { addOneCall } from "./pages/one-call.js";
import { addOutages } from "./pages/outages.js";
import { addPause } from "./pages/pause-callback.js";
import { addReplayPages } from "./pages/replay-pages.js";
import { addSearch } from "./pages/search.js";
import { addSignIn } from "./pages/sign-in.js";
import { addRetriesSwitch } from "./pages/switch-retries.js";
import { formToken, isFormToken, type Notice, Sessions, tokenOf } from "./sessions.js";

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  // Forms need an Origin.
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};
const HTML = "text/html; charset=utf-8";

/** A form may have a page of selected calls, or a callback's settings. */
const FORM_LIMIT = 262_144;

export async function consolePlugin(app: FastifyInstance, context: RouteContext): Promise<void> {
  const { store, clock, timers, maxConnections } = context.deps;
  const sessions = new Sessions(context.deps);
  const isCurrent = async (request: FastifyRequest) => (await sessions.findVisitor(request, false)).credential !== null;
  const live = new LiveStreams({ callbacks: store.callbacks, clock, timers, maxConnections, isCurrent });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/x-www-form-urlencoded", async (request: FastifyRequest, payload: IncomingMessage) => {
    return parseForm((await readBody(request, payload)).toString());
  });
  app.decorateRequest("visitor", null);
  app.decorateRequest("live", null);
  app.decorateReply("showPage", function (page) {
    const { request } = this;
    const notice = isBackground(request) ? null : sessions.takeNotice(request, this);
    const html = htmlOf(request, page, request.live, notice);
    reserveAnswer(request, this, Buffer.byteLength(html));
    return this.code(page.status ?? 200)
      .type(HTML)
      .send(html);
  });
  app.decorateReply("seeOther", function (path, notice) {
    if (notice !== undefined) sessions.leaveNotice(this.request, this, notice);
    return this.redirect(path, 303);
  });
  app.decorateReply("forward", function (url) {
    // No address that it leads from or to is passed on.
    return this.header("referrer-policy", "no-referrer").type(HTML).send(renderForward(url));
  });
  app.addHook("onRoute", (route) => {
    route.config = { ...route.config, page: { sendError: sendErrorPage } };
    route.bodyLimit ??= FORM_LIMIT;
  });
  app.addHook("onRequest", async (_, reply) => void reply.headers(HEADERS));
  app.addHook("onSend", compressPage);
  // A stop waits for requests, and a stream doesn't end by itself.
  app.addHook("preClose", async () => live.close());

  app.get("/console/assets/*", { config: { takesNoReadSlot: true } }, sendAsset);
  app.get("/favicon.ico", { config: { takesNoReadSlot: true } }, (_, reply) => reply.redirect(ASSETS.icon));
  await app.register(async (pages) => addPages(pages, { ...context, sessions }));

  function addPages(pages: FastifyInstance, consoleContext: ConsoleContext): void {
    // It runs before a body is read. Only a visitor who is signed in, or wants to be, may send one.
    pages.addHook("onRequest", async (request, reply) => {
      const visitor = await sessions.findVisitor(request, !isBackground(request));
      const { isOpen = false } = request.routeOptions.config;
      if (visitor.credential === null && !isOpen && !(await mayKeepForm(request))) return askToSignIn(request, reply);
      if (visitor.credential !== null) app.connections.markKnown(request.raw, visitor.credential.username);
      request.visitor = visitor.token === "" ? sessions.beginVisit(request, reply) : visitor;
    });
    pages.addHook<Partial<CallbackPath>>("preHandler", async (request, reply) => {
      if (request.method === "POST" && !(await isCurrentForm(request))) return rejectForm(request, reply);
      if (request.routeOptions.config.isLive) request.live = await liveState(request.params?.id);
    });
    addSignIn(pages, consoleContext);
    addSearch(pages, consoleContext);
    addCallbackList(pages, consoleContext);
    addCallList(pages, consoleContext);
    addCallExport(pages, consoleContext);
    addOneCall(pages, consoleContext);
    addConfirmation(pages, consoleContext);
    addReplayPages(pages, consoleContext);
    addCallbackPages(pages, consoleContext);
    addRetriesSwitch(pages, consoleContext);
    addPause(pages, consoleContext);
    addOutages(pages, consoleContext);
    addAudit(pages, consoleContext);
    pages.get("/console/events", { config: { isBackground: true, takesNoReadSlot: true } }, async (request, reply) => {
      if (request.method === "HEAD") return reply.type(EVENT_STREAM).send();
      const topics = [(request.query as Query).topic ?? []].flat();
      await live.start({ topics, session: tokenOf(request), request, reply });
    });
    pages.get("/console/callbacks", async (_, reply) => reply.redirect("/console"));
    pages.get<CallbackPath>("/console/callbacks/:id", async ({ params }, reply) => reply.redirect(consolePath(params.id)));
    // It answers before a form's token is checked.
    const noSuchPage = { preValidation: throwNoSuchPage, handler: throwNoSuchPage };
    pages.route({ method: ["GET", "HEAD", "POST"], url: "/console/*", ...noSuchPage });
    pages.route({ method: "POST", url: "/console", ...noSuchPage });
  }

  /** Only the browser of an ended session has its cookie. */
  async function mayKeepForm(request: FastifyRequest): Promise<boolean> {
    return isShortKeptForm(request) && (await sessions.findFormerUser(request)) !== null;
  }

  function askToSignIn(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (!isSafe(request) || isBackground(request)) {
      rejectUnread(request, reply, SESSION_ENDED, timers);
      return reply;
    }
    const target = signInPath(request.url);
    // The browser holds the cookie back when a link of another site is followed. From our own page it sends it.
    return request.headers["sec-fetch-site"] === "cross-site" ? reply.forward(target) : reply.redirect(target, 303);
  }

  /** The session may have ended while the body came. */
  async function isCurrentForm(request: FastifyRequest): Promise<boolean> {
    if (!isFormToken(formOf(request).get("token"), request)) return false;
    return request.routeOptions.config.isOpen === true || isCurrent(request);
  }

  /** A form that can be filled in again is: after signing in, or at once if the session is another one than the form's. */
  async function rejectForm(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { credential } = await sessions.findVisitor(request, false);
    const username = credential?.username ?? (await sessions.findFormerUser(request));
    const filledIn = username === null ? null : keepForm(request, username, store);
    if (filledIn !== null) return reply.seeOther(credential === null ? signInPath(filledIn) : filledIn);
    if (credential === null && !request.routeOptions.config.isOpen) throw sessionEnded();
    return sendErrorPage(request, reply, FORM_OUT_OF_DATE);
  }

  async function liveState(topic = EVERYTHING): Promise<FastifyRequest["live"]> {
    const madeAt = clock.now();
    return { topic, version: (await live.versionsOf([topic])).get(topic) ?? "", madeAt };
  }
}

const sessionEnded = () => new WhcbError("unauthenticated", "The session has ended");
const SESSION_ENDED = answerTo(sessionEnded());
const FORM_OUT_OF_DATE = errorAnswer(403, "The form is out of date", "Open its page again; the browser must accept cookies");

async function throwNoSuchPage(): Promise<never> {
  throw new WhcbError("not-found", "The console has no such page");
}

/** The script asks by itself, for a page again too (live.js). */
function isBackground({ headers, routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.isBackground === true || headers["x-refresh"] !== undefined;
}

function sendErrorPage(request: FastifyRequest, reply: FastifyReply, { status, document, headers }: ErrorAnswer): FastifyReply {
  // A browser would ask for a password itself.
  const { "www-authenticate": _, ...others } = headers;
  const { errorSummary, errorDetail } = document;
  const isSignedOut = status === 401;
  const wasForm = request.method === "POST";
  const signInAt = isSignedOut ? signInPath(pageOfForm(request)) : null;
  const content = ErrorPage({ detail: errorDetail, requestId: request.id, wasForm, signInAt });
  const html = htmlOf(request, { title: isSignedOut ? "Signed out" : errorSummary, content });
  return reply.code(status).headers(others).headers(HEADERS).type(HTML).send(html);
}

function htmlOf(request: FastifyRequest, page: Page, live: LiveState | null = null, notice: Notice | null = null): string {
  const username = request.visitor?.credential?.username ?? null;
  return renderPage({ page, live, notice, username, formToken: formToken(request), assets: ASSETS });
}

/** A page of 100 selected calls and its filters have fewer, and each field takes far more memory than its bytes. */
const MAX_FIELDS = 1_000;

function parseForm(text: string): URLSearchParams {
  if (hasMoreFields(text, MAX_FIELDS)) throw new WhcbError("malformed", `the form has more than ${MAX_FIELDS} fields`);
  return new URLSearchParams(text);
}
