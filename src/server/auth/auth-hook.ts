/** What every request passes before its route: form of the answer, credentials, the plan's rates. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { negotiate } from "../../wire/media-types.js";
import { PLANS, RateCounter } from "../limits/rate-plan.js";
import { answerTo, CHALLENGE, type ErrorAnswer, errorAnswer, unsupportedMediaType } from "../requests/error-answers.js";
import { lingerAfterAnswer } from "../requests/linger.js";
import { sendError } from "../requests/send-document.js";
import type { ServerDeps } from "../server-deps.js";
import { Authenticator, type Verdict } from "./authenticator.js";
import { hasSoundHost, isDirectlyFromHere } from "./client-address.js";

/** Paths that answer without credentials, whatever Accept says. /metrics has a rule of its own. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/openapi.json"]);

/** Adds the hooks to the app; returns the authenticator for the routes that issue tokens. */
export function addGate(app: FastifyInstance, deps: ServerDeps): Authenticator {
  const authenticator = new Authenticator(deps.store, deps.clock);
  const rates = deps.plan === null ? null : new RateCounter(PLANS[deps.plan]);
  app.decorateRequest("negotiated", null);
  app.decorateRequest("apiKeyHash", "");
  app.decorateRequest("username", "");

  app.addHook("onRequest", (request, reply, done) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const isToken = path === "/auth" || path === "/auth/verify";
    request.negotiated = negotiate(request.headers.accept, isToken ? "json" : "xml");
    if (!hasSoundHost(request)) {
      return void refuse(request, reply, errorAnswer(400, "The request can't be read", "The Host header is no host"));
    }
    if (OPEN_PATHS.has(path) || (path === "/metrics" && isDirectlyFromHere(request))) return done();
    if (deps.authentication === "none") return admit();
    const verdict = authenticator.verify({
      authorization: request.headers.authorization,
      apiKey: apiKeyOf(request),
      address: request.ip,
    });
    if (verdict instanceof Promise) verdict.then(judge, done);
    else judge(verdict);

    function judge(verdict: Verdict): void {
      if (verdict.kind !== "granted") return void refuse(request, reply, refusalOf(verdict));
      request.apiKeyHash = verdict.apiKey;
      request.username = verdict.username;
      const rate = rates?.take(verdict.apiKey, deps.clock.now());
      if (rate?.over) return void refuse(request, reply, overPlan(rate.over, rate.retryAfterSeconds));
      admit();
    }

    function admit(): void {
      if (isStopping(request)) return void refuse(request, reply, STOPPING);
      if (request.negotiated === null && path !== "/metrics") return void refuse(request, reply, unsupportedMediaType("Accept"));
      done();
    }
  });
  /** A body that is still coming is never looked at: the connection ends with the answer. */
  function refuse(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): void {
    const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
    if (hasBody) {
      reply.header("connection", "close");
      lingerAfterAnswer(request, deps.timers);
    }
    sendError(request, reply, answer);
  }

  /** What was begun before a stop is finished; from then on nothing is taken in that the dispatcher would have to carry out. */
  function isStopping({ method }: FastifyRequest): boolean {
    return method !== "GET" && method !== "HEAD" && !deps.isReady();
  }
  return authenticator;
}

const STOPPING = answerTo(new WhcbError("unavailable", "The service is stopping"));

function apiKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers["x-api-key"];
  if (typeof header === "string") return header;
  const { apikey } = request.query as { readonly apikey?: unknown };
  return typeof apikey === "string" ? apikey : undefined;
}

function refusalOf(verdict: Exclude<Verdict, { kind: "granted" }>): ErrorAnswer {
  if (verdict.kind === "slowed") {
    const seconds = String(Math.ceil(verdict.waitMs / 1000));
    return errorAnswer(429, "Too many failed logins", `Try again in ${seconds} s`, { "retry-after": seconds });
  }
  return verdict.code === "unauthenticated"
    ? errorAnswer(401, "The user could not be verified", verdict.reason, CHALLENGE)
    : errorAnswer(403, "The API key could not be verified", verdict.reason, { "x-error-code": "ERR_403_DEVELOPER_INACTIVE" });
}

/** As the platform says it: 403, not 429, with the reason in headers. */
function overPlan(over: "QPS" | "QPD", retryAfterSeconds: number): ErrorAnswer {
  const detail = over === "QPS" ? "Account_Over_Queries_Per_Second_Limit" : "Account_Over_Queries_Per_Day_Limit";
  return errorAnswer(403, "The plan's limit is reached", detail.replaceAll("_", " "), {
    "x-error-code": `ERR_403_DEVELOPER_OVER_${over}`,
    "x-error-detail": detail,
    "retry-after": String(retryAfterSeconds),
  });
}
