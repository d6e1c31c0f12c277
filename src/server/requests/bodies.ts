/** JSON and XML are read whole (10 MiB and 60 s at most); NDJSON is streamed. */
import type { IncomingMessage } from "node:http";
import { errorCodes, type FastifyInstance, type FastifyRequest } from "fastify";
import type { BodyFormat } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Timers } from "../../platform/clock.js";
import { CollectedBytes } from "../../wire/collected-bytes.js";
import { countValues, hasRepeatedNames, readJson } from "../../wire/json/read-json.js";
import { bodyFormat, NDJSON_TYPES } from "../../wire/media-types.js";
import { isSafe } from "../auth/request-origin.js";
import { lazyParts } from "../lazy-parts.js";
import { ByteBudget, isOfVisitor, ownerOf } from "./byte-budget.js";
import { answerTo } from "./error-answers.js";
import type { ReadTurns } from "./read-turns.js";
import { rejectUnread } from "./send-errors.js";

export const BODY_LIMIT = 10_485_760;
/** Reading this much takes 8 ms at worst, and a thousand clients may send as much at the same moment. Its values fit into the memory of a connection. */
const SHORT_BODY_BYTES = 4096;
/** A value takes 10 to 170 bytes beside its text. So one user has room for the longest body with as many values as a body may have. */
export const VALUE_BYTES = 100;

declare module "fastify" {
  interface FastifyContextConfig {
    takesNdjson?: boolean;
  }
  interface FastifyRequest {
    /** Reserves more room for the body, until its own is released. It is null if the body has none. */
    tryGrowRoom: ((bytes: number) => boolean) | null;
  }
}

export function addBodyParsers(app: FastifyInstance, turns: ReadTurns): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([...NDJSON_TYPES], (request, payload, done) => {
    // Only one route reads a stream.
    if (request.routeOptions.config.takesNdjson) done(null, payload);
    else done(unsupportedType(), undefined);
  });
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: IncomingMessage) => {
    const body = await readBody(request, payload);
    // A Content-Type without a body is fine.
    if (body.length === 0) return undefined;
    request.bodyBytes = body.length;
    const format = formatOf(request.headers["content-type"] ?? "", body);
    if (format !== "json" && format !== "xml") throw unsupportedType();
    const read = () => (format === "json" ? parseJson(decodeUtf8(body), request) : parseXml(decodeUtf8(body)));
    if (body.length <= SHORT_BODY_BYTES) return read();
    const reading = turns.run(ownerOf(request), async () => {
      if (request.raw.socket.destroyed) throw CLIENT_GONE;
      const value = await read();
      if (request.tryGrowRoom?.(countValues(value) * VALUE_BYTES) === false) throw NO_ROOM;
      return value;
    });
    // The body keeps its room while it waits, though its client has gone.
    request.handled = reading.catch(() => undefined);
    return reading;
  });
}

const CLIENT_GONE = new WhcbError("malformed", "the connection was closed before the body was read");

/** Reads at most the route's limit. Fastify's own reader keeps a list of the pieces. */
export function readBody({ headers, routeOptions }: FastifyRequest, payload: IncomingMessage): Promise<Buffer> {
  const { bodyLimit = BODY_LIMIT } = routeOptions;
  const announced = Number(headers["content-length"]);
  const collected = new CollectedBytes();
  let whole: Buffer | null = null;
  return new Promise((resolve, reject) => {
    if (announced > bodyLimit) return reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    // If the connection broke while the login was checked, no event follows.
    if (payload.destroyed) return reject(CLIENT_GONE);
    const onData = (piece: Buffer): void => {
      // Mostly a body comes in one piece.
      if (piece.length === announced) whole = piece;
      else if (collected.length + piece.length <= bodyLimit) collected.add(piece);
      else {
        payload.off("data", onData);
        reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      }
    };
    payload.on("data", onData);
    payload.on("end", () => resolve(whole ?? collected.bytes()));
    payload.on("error", (error) => reject(Object.assign(error, { statusCode: 400 })));
  });
}

/** Only NDJSON is streamed. */
export function isStreamed(request: FastifyRequest): boolean {
  // Fastify makes the options of a route each time.
  return NDJSON_TYPES.has(request.mediaType ?? "") && request.routeOptions.config.takesNdjson === true;
}

function formatOf(contentType: string, body: Buffer): BodyFormat | "ndjson" | null {
  const named = bodyFormat(contentType);
  return named === "unnamed" ? guessFormat(body) : named;
}

/** Guesses by the first character: the documented mark request has no Content-Type. */
function guessFormat(body: Buffer): BodyFormat | null {
  const [first] = /[^\s\ufeff]/.exec(body.subarray(0, 1024).toString()) ?? [];
  return first === "{" ? "json" : first === "<" ? "xml" : null;
}

/** A response may have a parameter twice, and the last counts. Elsewhere, another reader may take the first, as of a mark. */
function parseJson(text: string, { routeOptions }: FastifyRequest): unknown {
  const value = readJson(text, "body");
  if (!routeOptions.config.takesNdjson && hasRepeatedNames(text, value))
    throw new WhcbError("malformed", "an object of the body has a name twice");
  return value;
}

async function parseXml(text: string): Promise<unknown> {
  const { callsFromXml, readXml } = await lazyParts.xmlReader();
  return callsFromXml(readXml(text));
}

function unsupportedType(): WhcbError {
  return new WhcbError(
    "unsupported-media-type",
    "Content-Type must be application/json, application/xml or one of the API's own types",
  );
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(body: Buffer): string {
  try {
    return UTF8.decode(body);
  } catch (error) {
    throw new WhcbError("malformed", "the body isn't UTF-8", { cause: error });
  }
}

/** Only a stream may take longer. Fastify's request tells which one is. */
export function endSlowBodies(app: FastifyInstance): void {
  app.addHook("preParsing", (request, _, payload, done) => {
    if (!isStreamed(request)) app.connections.limitBodyTime(request.raw);
    done(null, payload);
  });
}

/** An NDJSON stream takes as much while it lasts: an unfinished line, and lines that aren't stored yet. A longer line reserves its own. */
export const STREAM_BYTES = 512 * 1024;

/**
 * The forms of visitors who aren't signed in have this room of their own: enough for a sign-in on each connection, even if all are of one
 * address.
 */
const VISITORS_BYTES = 32 * 1024 * 1024;

const NO_ROOM = new WhcbError("unavailable", "too many bytes of request bodies are in memory");
const BUSY = answerTo(NO_ROOM);

/**
 * Reserves room until the answer, which may name many rejected lines, is taken or its client has gone, and the handler has ended: the calls
 * of a client who has gone may still be on their way to the database. Without room it answers 503 before the body is read.
 */
export function limitBodies(app: FastifyInstance, budget: ByteBudget, { timers, limit }: BodyLimits): void {
  const visitorsBudget = new ByteBudget(VISITORS_BYTES, 1);

  app.decorateRequest("tryGrowRoom", null);
  app.addHook("onRoute", (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      const answer = handler.call(this, request, reply);
      if (answer instanceof Promise) request.handled = answer;
      return answer;
    };
  });
  app.addHook("preParsing", (request, reply, payload, done) => {
    const bytes = bytesToReserve(request, limit);
    if (bytes === 0) return done(null, payload);
    const from = isOfVisitor(request) ? visitorsBudget : budget;
    const owner = ownerOf(request);
    if (!from.tryReserve(owner, bytes)) return rejectUnread(request, reply, BUSY, timers);
    let held = bytes;
    request.tryGrowRoom = (more) => {
      if (!from.tryReserve(owner, more)) return false;
      held += more;
      return true;
    };
    const release = () => from.release(owner, held);
    // However a request ends, its response closes. It may end before it has a handler.
    const end = () => void Promise.resolve(request.handled).then(release, release);
    if (reply.raw.destroyed) end();
    else reply.raw.once("close", end);
    done(null, payload);
  });
}

interface BodyLimits {
  readonly timers: Timers;
  /** A body of unknown length counts as that many bytes. */
  readonly limit: number;
}

/** Returns 0 for a body that isn't read, or is rejected for its length. */
function bytesToReserve(request: FastifyRequest, largest: number): number {
  const { headers, routeOptions } = request;
  if (isSafe(request)) return 0;
  if (isStreamed(request)) return STREAM_BYTES;
  const limit = Math.min(routeOptions.bodyLimit, largest);
  if (headers["transfer-encoding"] !== undefined) return limit;
  const bytes = Number(headers["content-length"] ?? 0);
  return bytes > limit ? 0 : bytes;
}
