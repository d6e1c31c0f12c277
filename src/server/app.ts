/** The callbacks service as a Fastify app. Who listens with it, or injects into it, is main's business. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { shortId } from "../platform/random.js";
import { addGate } from "./auth/auth-hook.js";
import { isProxyInFront } from "./auth/client-address.js";
import { AcceptQueue } from "./ingest/accept-queue.js";
import { addIntakeRoutes } from "./ingest/ingest-routes.js";
import { endSlowBodies } from "./limits/slow-bodies.js";
import { loadMetrics } from "./operations/load-metrics.js";
import type { Metrics } from "./operations/metrics-recorder.js";
import { openApiDocument } from "./operations/openapi.js";
import { addOperationRoutes } from "./operations/operation-routes.js";
import { pooledRandom } from "./pooled-random.js";
import { trackAllowedMethods } from "./requests/allowed-methods.js";
import { addBodyParsers, BODY_LIMIT } from "./requests/bodies.js";
import { answerClientError } from "./requests/client-error.js";
import { answerTo, errorAnswer, methodNotAllowed } from "./requests/error-answers.js";
import { lingerAfterAnswer } from "./requests/linger.js";
import { sendError } from "./requests/send-document.js";
import { addAuthRoutes } from "./routes/auth-routes.js";
import { addCallRoutes } from "./routes/call-routes.js";
import { CallbackLookup } from "./routes/callback-lookup.js";
import { addCallbackRoutes } from "./routes/callback-routes.js";
import { addOutageRoutes } from "./routes/outage-routes.js";
import type { RouteContext } from "./routes/route-context.js";
import type { ServerDeps } from "./server-deps.js";

const LARGEST_PAGE = 500;
/** The platform's, imitated under a plan. */
const LARGEST_PAGE_OF_PLAN = 20;

/** Headers whole within 15 s; a connection on which nothing moves for 75 s ends (a registration's check may take 60). */
const HEADERS_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 75_000;
const KEEP_ALIVE_MS = 30_000;
const MOST_HEADER_BYTES = 16_384;

export async function createApp(given: ServerDeps): Promise<FastifyInstance> {
  const deps: ServerDeps = { ...given, random: pooledRandom(given.random) };
  const app = Fastify({
    logger: false,
    return503OnClosing: false, // what is under way when a stop begins is finished
    trustProxy: deps.trustProxy && isProxyInFront,
    bodyLimit: BODY_LIMIT,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0, // see slow-bodies.ts
    http: { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MOST_HEADER_BYTES },
    genReqId: ({ headers }) => requestId(headers["x-request-id"], deps),
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: true },
    clientErrorHandler: answerClientError,
    frameworkErrors: ({ code }, request, reply) => {
      const answer =
        code === "FST_ERR_MAX_PARAM_LENGTH" // longer than any id or name
          ? errorAnswer(404, "There is no such thing", "The service has no such path")
          : errorAnswer(400, "The request can't be read", "The path is badly encoded");
      sendError(request, reply.headers(SAFE_HEADERS), answer);
    },
  });
  const allowedMethods = trackAllowedMethods(app);
  const metrics = await loadMetrics(deps);
  addResponseHooks(app, deps, metrics);
  const authenticator = addGate(app, deps);
  endSlowBodies(app, { timers: deps.timers, nowMs: () => deps.clock.monotonicMs() });
  addBodyParsers(app);
  addErrorHandlers(app, deps, allowedMethods);
  const context: RouteContext = {
    deps,
    docs: () => ({}),
    authenticator,
    lookup: new CallbackLookup(deps.store, deps.clock),
    queue: new AcceptQueue({
      store: deps.store,
      clock: deps.clock,
      onAccepted(callbackId, count) {
        metrics.accepted(count);
        if (count > 0) deps.onWork(callbackId, "accepted");
      },
    }),
    largestPage: deps.plan === null ? LARGEST_PAGE : LARGEST_PAGE_OF_PLAN,
  };
  addApiRoutes(app, context);
  const openApi = (): Promise<string> =>
    openApiDocument(deps.version, (documented, docs) => addApiRoutes(documented, { ...context, docs }));
  addOperationRoutes(app, { deps, metrics, openApi });
  return app;
}

function addApiRoutes(app: FastifyInstance, context: RouteContext): void {
  addCallbackRoutes(app, context);
  addCallRoutes(app, context);
  addIntakeRoutes(app, context);
  addOutageRoutes(app, context);
  addAuthRoutes(app, context);
}

/** One id goes through the log and the answer; a caller's own is taken over where it is one. */
function requestId(given: string | string[] | undefined, { random }: ServerDeps): string {
  return typeof given === "string" && /^[\w.-]{1,64}$/.test(given) ? given : shortId(random);
}

const SAFE_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

function addResponseHooks(app: FastifyInstance, { logger }: ServerDeps, metrics: Metrics): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(SAFE_HEADERS).header("x-request-id", request.id);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? "none";
    const ms = reply.elapsedTime;
    metrics.answered({ method, route, status: reply.statusCode, seconds: ms / 1000 });
    // Without the query: a key may be in it.
    logger.info(
      { requestId: request.id, method, path: request.url.split("?", 1)[0], status: reply.statusCode, ms: Math.round(ms) },
      "request",
    );
    done();
  });
}

function addErrorHandlers(
  app: FastifyInstance,
  { logger, timers }: ServerDeps,
  allowedMethods: (path: string) => readonly string[],
): void {
  app.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error);
    if (answer.status >= 500) logger.error({ requestId: request.id, err: error }, "request failed");
    // Fastify ends the connection after a body that is too large.
    if (answer.status === 413) lingerAfterAnswer(request, timers);
    sendError(request, reply, answer);
  });
  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = (request.url.split("?", 1)[0] ?? "").replace(/(.)\/$/, "$1");
    const allowed = allowedMethods(path);
    const answer =
      allowed.length > 0 ? methodNotAllowed(allowed) : errorAnswer(404, "There is no such thing", "The service has no such path");
    sendError(request, reply, answer);
  });
}
