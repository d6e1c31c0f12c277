import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyRequest } from "fastify";
import type { Clock } from "../platform/clock.js";
import { pooledRandom, type Random, shortId } from "../platform/random.js";
import { addAuthHook } from "./auth/auth-hook.js";
import { hostNameOf, isSharedName } from "./auth/request-origin.js";
import { addTokenRoutes } from "./auth/token-routes.js";
import { Connections } from "./connections.js";
import { AcceptQueue } from "./ingest/accept-queue.js";
import { addIngestRoute } from "./ingest/ingest.js";
import { loadLazyParts } from "./lazy-parts.js";
import { createMetrics, type Metrics } from "./operations/metrics.js";
import { addOpenApiRoute } from "./operations/openapi.js";
import { addOperationRoutes } from "./operations/operation-routes.js";
import { addBodyParsers, BODY_LIMIT, endSlowBodies, limitBodies } from "./requests/bodies.js";
import { ByteBudget } from "./requests/byte-budget.js";
import { errorAnswer } from "./requests/error-answers.js";
import { refuseLateRequests } from "./requests/late-requests.js";
import { limitQueries, parseQuery } from "./requests/queries.js";
import { addReadSlots } from "./requests/read-slots.js";
import { ReadTurns } from "./requests/read-turns.js";
import { ANSWER_BYTES } from "./requests/send-document.js";
import { addErrorHandlers, answerClientError, NO_SUCH_PATH, sendError } from "./requests/send-errors.js";
import { addAuditRoute } from "./routes/audit-routes.js";
import { addCallRoutes } from "./routes/call-routes.js";
import { addCallbackRoutes, addOutageRoute } from "./routes/callback-routes.js";
import { addReplayRoutes } from "./routes/replay-routes.js";
import { CallbackLookup, type RouteContext } from "./routes/route-context.js";
import { addRunLockRoutes } from "./routes/run-lock-routes.js";
import type { ServerDeps } from "./server-deps.js";

const LARGEST_PAGE = 500;
/** The platform's pages have at most so many rows. */
const LARGEST_PAGE_OF_PLAN = 20;

declare module "fastify" {
  interface FastifyInstance {
    readonly connections: Connections;
    readonly metrics: Metrics;
  }
}

/** `console` is the plugin with its pages. A command on a database file has none. */
export async function createApp(
  given: ServerDeps,
  { console: consolePlugin }: { readonly console?: FastifyPluginAsync<RouteContext> } = {},
): Promise<FastifyInstance> {
  const deps: ServerDeps = { ...given, random: pooledRandom(given.random) };
  const connections = new Connections({ limit: deps.maxConnections, timers: deps.timers });
  const app = Fastify({
    logger: false,
    return503OnClosing: false, // A stop finishes requests in flight.
    trustProxy: deps.isTrustedProxy ?? false,
    bodyLimit: BODY_LIMIT,
    serverFactory: (handler) => connections.createServer(handler),
    genReqId: ({ headers }) => requestIdFor(headers["x-request-id"], deps.random),
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: true, querystringParser: parseQuery },
    clientErrorHandler(error, socket) {
      const answer = () => answerClientError(error, socket, connections);
      if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") connections.endUnlessAsked(socket, answer);
      else answer();
    },
    frameworkErrors: ({ code }, request, reply) => {
      const isTooLong = code === "FST_ERR_MAX_PARAM_LENGTH"; // No id or name is that long.
      const answer = isTooLong ? NO_SUCH_PATH : errorAnswer(400, "The request can't be read", "The path is badly encoded");
      sendError(request, reply.headers(SECURITY_HEADERS), answer);
    },
  });
  app.decorate("connections", connections);
  app.decorate("answers", new ByteBudget(ANSWER_BYTES));
  addErrorHandlers(app, deps);
  if (deps.localUser === null) await loadLazyParts();
  const metrics = await createMetrics(deps);
  app.decorate("metrics", metrics);
  addResponseHooks(app, deps, metrics);
  limitQueries(app, deps.timers);
  const authenticator = addAuthHook(app, deps);
  endSlowBodies(app);
  limitBodies(app, new ByteBudget(), { timers: deps.timers, limit: BODY_LIMIT });
  addBodyParsers(app, new ReadTurns(deps));
  refuseLateRequests(app, deps);
  addReadSlots(app, deps);
  const context: RouteContext = {
    deps,
    schemaFor: (operationId) => ({ schema: { operationId } }),
    authenticator,
    lookup: new CallbackLookup(deps.store.callbacks, deps.clock),
    queue: new AcceptQueue(deps, metrics),
    largestPage: deps.plan === null ? LARGEST_PAGE : LARGEST_PAGE_OF_PLAN,
  };
  addOperationRoutes(app, deps, metrics);
  if (deps.hasApi) {
    addOpenApiRoute(app, deps.version);
    addApiRoutes(app, context);
    if (consolePlugin !== undefined) app.register(consolePlugin, context);
  }
  return app;
}

function addApiRoutes(app: FastifyInstance, context: RouteContext): void {
  addCallbackRoutes(app, context);
  addCallRoutes(app, context);
  addIngestRoute(app, context);
  addOutageRoute(app, context);
  addAuditRoute(app, context);
  addReplayRoutes(app, context);
  addRunLockRoutes(app, context);
  addTokenRoutes(app, context);
}

/** Keeps the client's X-Request-Id, if it is usable. */
function requestIdFor(given: string | string[] | undefined, random: Random): string {
  return typeof given === "string" && /^[\w.-]{1,64}$/.test(given) ? given : shortId(random);
}

/** Pages and XML, which a browser renders, have more. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = { "x-content-type-options": "nosniff", "cache-control": "no-store" };

const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?]*/i;
const HEALTH_ROUTES: readonly string[] = ["/healthz", "/readyz"];

/** Makes the headers of all answers once a millisecond. */
function createHeadersNow(clock: Clock): () => Readonly<Record<string, string>> {
  let [at, headers] = [Number.NaN, SECURITY_HEADERS];
  return () => {
    const now = clock.now();
    if (now !== at) {
      at = now;
      // Node's own date is by the machine's clock, which may differ from the database's.
      const date = new Date(now);
      headers = { ...SECURITY_HEADERS, date: date.toUTCString(), "x-service-time": date.toISOString() };
    }
    return headers;
  };
}

/**
 * Another program may have had the port. Its service worker would get what is typed into the console, and its cached pages would be shown.
 * A session's host is nobody else's, and has the console's own data.
 */
function hasOthersData({ headers, host }: FastifyRequest, knownHosts: ServerDeps["knownHosts"]): boolean {
  if (headers["sec-fetch-site"] === undefined) return false;
  const name = hostNameOf(host);
  return isSharedName(name, knownHosts) && !name.endsWith(".localhost");
}

function addResponseHooks(app: FastifyInstance, { logger, clock, knownHosts }: ServerDeps, metrics: Metrics): void {
  const headersNow = createHeadersNow(clock);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(headersNow()).header("x-request-id", request.id);
    if (hasOthersData(request, knownHosts)) reply.header("clear-site-data", '"cache", "storage"');
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? "none";
    const ms = reply.elapsedTime;
    // A stream of events lasts as long as somebody looks.
    if (!String(reply.getHeader("content-type")).startsWith("text/event-stream"))
      metrics.answered({ method, route, status: reply.statusCode, seconds: ms / 1000 });
    // Health checks would fill the log.
    if (HEALTH_ROUTES.includes(route) && reply.statusCode === 200) return done();
    // The query may contain a key, and an absolute URL a password.
    logger.info(
      {
        requestId: request.id,
        method,
        path: request.url.replace(ORIGIN, "").split("?", 1)[0],
        status: reply.statusCode,
        ms: Math.round(ms),
      },
      "request",
    );
    done();
  });
}
