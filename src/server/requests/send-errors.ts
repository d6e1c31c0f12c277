import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isWhcbError } from "../../domain/errors.js";
import type { Timers } from "../../platform/clock.js";
import { toXml } from "../../wire/xml/xml-write.js";
import { type Connections, LINGER_MS } from "../connections.js";
import type { ServerDeps } from "../server-deps.js";
import { answerTo, type ErrorAnswer, errorAnswer, methodNotAllowed } from "./error-answers.js";
import { XML_HEADERS } from "./send-document.js";

/** Is called before routes are added, as it collects their methods for Allow. */
export function addErrorHandlers(app: FastifyInstance, deps: ServerDeps): void {
  const { timers } = deps;
  const logFailure = failureLog(deps);
  const allowedMethods = trackAllowedMethods(app);
  app.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error);
    // Nobody waits for the answer to an interrupted request.
    if (answer.status >= 500 && !isWhcbError(error, "interrupted")) logFailure(request.id, error);
    const hasUnreadLines = request.body instanceof Readable && !request.raw.complete;
    if (hasUnreadLines) return rejectUnread(request, reply, answer, timers);
    // Fastify closes the connection after a 413.
    if (answer.status === 413) lingerAfterAnswer(request, timers);
    sendError(request, reply, answer);
  });
  const answerNotFound = (request: FastifyRequest, reply: FastifyReply): void => {
    const allowed = allowedMethods(pathOf(request));
    rejectUnread(request, reply, allowed.length > 0 ? methodNotAllowed(allowed) : NO_SUCH_PATH, timers);
  };
  app.setNotFoundHandler(answerNotFound);
  // Otherwise the body would be read first, and POST /healthz needs no credentials.
  app.addHook("preParsing", (request, reply, payload, done) => {
    if (request.is404) answerNotFound(request, reply);
    else done(null, payload);
  });
}

const QUIET_MS = 1_000;

/** While the database is away, or rejects the service, all requests fail. One a second is logged, with the number of the others. */
function failureLog({ logger, clock }: ServerDeps): (requestId: string, error: unknown) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let unlogged = 0;
  return (requestId, error) => {
    const now = clock.monotonicMs();
    const mayPass = isWhcbError(error, "unavailable") || isWhcbError(error, "config");
    if (mayPass && now < quietUntil) {
      unlogged += 1;
      return;
    }
    logger.error({ requestId, err: error, ...(unlogged > 0 && { unlogged }) }, "request failed");
    unlogged = 0;
    if (mayPass) quietUntil = now + QUIET_MS;
  };
}

export const NO_SUCH_PATH = errorAnswer(404, "Not found", "The service has no such path");

/** Returns the path without query and trailing slash. */
export function pathOf({ url }: FastifyRequest): string {
  const end = url.indexOf("?");
  const path = end === -1 ? url : url.slice(0, end);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** A page of the console has its own sign-in, and its errors are pages. */
    page?: { sendError(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): FastifyReply };
  }
}

/** Sends JSON if the requested format isn't supported. */
export function sendError(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): FastifyReply {
  // There is no config if the path couldn't be read.
  const page = request.routeOptions.config?.page;
  if (page !== undefined) return page.sendError(request, reply, answer);
  const { status, document, headers } = answer;
  const isXml = request.negotiated?.format === "xml";
  return reply
    .code(status)
    .headers(headers)
    .headers(isXml ? XML_HEADERS : {})
    .header("content-type", isXml ? "application/xml" : "application/json")
    .send(Buffer.from(isXml ? toXml("error", { ...document }).toString() : JSON.stringify(document)));
}

/** Closes the connection if a body is still arriving. */
export function rejectUnread(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer, timers: Timers): void {
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (hasBody) {
    reply.header("connection", "close");
    lingerAfterAnswer(request, timers);
  }
  sendError(request, reply, answer);
}

/** Is called before an answer with Connection: close. Closing with unread bytes causes a reset, which can overtake the answer. */
function lingerAfterAnswer({ raw }: FastifyRequest, timers: Timers): void {
  const { socket } = raw;
  if (raw.complete || typeof socket.destroySoon !== "function") return;
  const destroySoon = socket.destroySoon.bind(socket);
  // Node calls it once the answer is sent.
  socket.destroySoon = () => {
    const cancel = timers.after(LINGER_MS, destroySoon);
    socket.once("close", cancel);
    raw.once("end", destroySoon).resume();
  };
}

function trackAllowedMethods(app: FastifyInstance): (path: string) => readonly string[] {
  const byPattern = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const entry = byPattern.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const one of [method].flat()) entry.methods.add(one);
    byPattern.set(url, entry);
  });
  return (path) => [...byPattern.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]);
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`);
}

/** A browser also sends the cookies that other ports of the host have set. */
const LONG_HEADERS = "The headers have more than 16 KiB; a browser sends shorter ones once this host's cookies are deleted";

/** Answers bytes that aren't HTTP, and closes the connection. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket, connections: Connections): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const answerOf = (code: number, detail: string) => errorAnswer(code, "The request can't be read", detail);
  const { status, document } =
    error.code === "HPE_HEADER_OVERFLOW"
      ? answerOf(431, LONG_HEADERS)
      : answerOf(error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400, "The request isn't valid HTTP");
  const body = JSON.stringify(document);
  if (socket.writable && connections.isNextAnswered(socket)) {
    socket.write(
      `HTTP/1.1 ${status} ${document.errorText}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}
