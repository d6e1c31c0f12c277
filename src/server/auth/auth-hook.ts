import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { PLANS } from "../../domain/service-settings.js";
import { negotiate } from "../../wire/media-types.js";
import { answerTo, CHALLENGE, type ErrorAnswer, errorAnswer, unsupportedMediaType } from "../requests/error-answers.js";
import { protocolFault } from "../requests/protocol-fault.js";
import { decorateRequests } from "../requests/send-document.js";
import { pathOf, rejectUnread } from "../requests/send-errors.js";
import { emptyParameter, type Query } from "../routes/query-parameters.js";
import type { ServerDeps } from "../server-deps.js";
import { Authenticator, type Verdict } from "./authenticator.js";
import { RateCounter, type RateVerdict } from "./rate-plan.js";
import { clientAddress, createOriginCheck, isSafe } from "./request-origin.js";

/** These paths need no credentials, and ignore Accept. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/openapi.json"]);

export function addAuthHook(app: FastifyInstance, deps: ServerDeps): Authenticator {
  const authenticator = new Authenticator(deps);
  const checkOrigin = createOriginCheck(deps.knownHosts);
  const rates = deps.plan === null ? null : new RateCounter(PLANS[deps.plan], deps.store.nodes);
  decorateRequests(app);

  app.addHook("onRequest", (request, reply, done) => {
    const path = pathOf(request);
    const isToken = path === "/auth" || path === "/auth/verify";
    request.negotiated = negotiate(request.headers.accept, isToken ? "json" : "xml");
    const fault = protocolFault(request.raw) ?? checkOrigin(request);
    if (fault !== null) return void reject(request, reply, fault);
    // Everything else is 404, with or without credentials. A path has several spellings, so the route decides.
    if (!deps.hasApi && request.routeOptions.url !== "/metrics") return done();
    if (path === "/" && isSafe(request) && isBrowser(request)) return void reply.redirect("/console");
    // The console says that there is no such page. A browser would ask for a password.
    if (request.is404 && isSafe(request) && isBrowser(request)) return void reply.redirect(`/console${path}`);
    if (OPEN_PATHS.has(path) && isSafe(request)) return done();
    // Users of the console sign in there.
    if (request.routeOptions.config.page !== undefined)
      return isStopping(request) ? void reject(request, reply, STOPPING) : done();
    if (deps.localUser !== null) return admit();
    const verdict = authenticator.verify({
      authorization: request.headers.authorization,
      apiKey: apiKeyOf(request),
      address: clientAddress(request),
    });
    if (verdict instanceof Promise) verdict.then(apply, done);
    else apply(verdict);

    function apply(verdict: Verdict): void {
      if (verdict.kind !== "granted") return void reject(request, reply, rejectionOf(verdict));
      request.credential = verdict.credential;
      app.connections.markKnown(request.raw, verdict.credential.username);
      if (rates === null) return void admit();
      const rate = rates.admitRequest(verdict.credential.apiKeyHash, deps.clock.now());
      if (rate instanceof Promise) rate.then(applyRate, done);
      else applyRate(rate);
    }

    function applyRate(rate: RateVerdict): void {
      if (rate.over !== null) reject(request, reply, overPlan(rate.over, rate.retryAfterSeconds));
      else admit();
    }

    function admit(): void {
      if (isStopping(request)) return void reject(request, reply, STOPPING);
      const isNegotiated = path !== "/metrics" && !request.is404;
      if (isNegotiated && request.negotiated === null) return void reject(request, reply, unsupportedMediaType("Accept"));
      const empty = isNegotiated ? emptyParameter(request.query as Query) : null;
      if (empty !== null) return void reject(request, reply, answerTo(empty));
      done();
    }
  });

  function reject(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): void {
    rejectUnread(request, reply, answer, deps.timers);
  }

  /** A service that stops accepts no new work. */
  function isStopping(request: FastifyRequest): boolean {
    return !isSafe(request) && !deps.isReady();
  }
  return authenticator;
}

/** Tells a browser from a client of the API. */
function isBrowser({ headers }: FastifyRequest): boolean {
  return headers.authorization === undefined && /\btext\/html\b/i.test(headers.accept ?? "");
}

const STOPPING = answerTo(new WhcbError("unavailable", "The service is stopping"));

function apiKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers["x-api-key"];
  if (typeof header === "string") return header;
  const { apikey } = request.query as { readonly apikey?: unknown };
  return typeof apikey === "string" ? apikey : undefined;
}

function rejectionOf(verdict: Exclude<Verdict, { kind: "granted" }>): ErrorAnswer {
  if (verdict.kind === "throttled") {
    const seconds = String(Math.ceil(verdict.waitMs / 1000));
    return errorAnswer(429, "Too many failed logins", `Try again in ${seconds} s`, { "retry-after": seconds });
  }
  return verdict.code === "unauthenticated"
    ? errorAnswer(401, "The user could not be verified", verdict.reason, CHALLENGE)
    : errorAnswer(403, "The API key could not be verified", verdict.reason, { "x-error-code": "ERR_403_DEVELOPER_INACTIVE" });
}

/** The platform answers 403, not 429. */
function overPlan(over: "QPS" | "QPD", retryAfterSeconds: number): ErrorAnswer {
  const detail = `Account Over Queries Per ${over === "QPS" ? "Second" : "Day"} Limit`;
  return errorAnswer(403, "The plan's limit is reached", detail, {
    "x-error-code": `ERR_403_DEVELOPER_OVER_${over}`,
    "x-error-detail": detail,
    "retry-after": String(retryAfterSeconds),
  });
}
