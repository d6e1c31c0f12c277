import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { JsonObject } from "../../wire/json/json-value.js";
import { type Negotiated, type ResourceKind, vendorType } from "../../wire/media-types.js";
import { toXml, type XmlShape } from "../../wire/xml/xml-write.js";
import { isSafe } from "../auth/request-origin.js";
import { type ByteBudget, isOfVisitor, ownerOf } from "./byte-budget.js";

declare module "fastify" {
  interface FastifyInstance {
    readonly answers: ByteBudget;
  }
  interface FastifyRequest {
    /** `negotiated` is null if what Accept asks for isn't supported. */
    negotiated: Negotiated | null;
    /** `credential` is null without authentication. */
    credential: StoredCredential | null;
    /** `bodyBytes` is 0 unless the body is read whole. */
    bodyBytes: number;
    /** `handled` settles once a long body has been read, or then once the handler has ended. It is null before. */
    handled: Promise<unknown> | null;
    /** Room is reserved for so many bytes of the answer. It is null if none was asked for. */
    answerBytes: number | null;
  }
}

/** Fastify wants them declared before hooks set them. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest("negotiated", null);
  app.decorateRequest("credential", null);
  app.decorateRequest("bodyBytes", 0);
  app.decorateRequest("handled", null);
  app.decorateRequest("answerBytes", null);
}

export interface Answer {
  readonly kind: ResourceKind;
  readonly shape: XmlShape;
  readonly document: JsonObject;
  readonly status?: number;
}

/** A browser renders XML as a page. */
export const XML_HEADERS = { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" };

/** Node sends a text of at most so many characters together with the headers. A longer one would be held twice while it is sent. */
const SHORT_LENGTH = 4096;

/** Fastify adds a charset to JSON text without a serializer. */
const unchanged = (text: string): string => text;

export function sendDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  { kind, shape, document, status = 200 }: Answer,
): FastifyReply {
  const { format, type } = request.negotiated ?? { format: "json", type: null };
  const isPlain = type === "application/json" || type === "application/xml";
  const text = format === "xml" ? toXml(shape, document) : JSON.stringify(document);
  reserveAnswer(request, reply, typeof text === "string" ? Buffer.byteLength(text) : text.byteLength);
  if (format === "xml") reply.headers(XML_HEADERS);
  reply
    .code(status)
    .serializer(unchanged)
    .header("content-type", isPlain ? type : vendorType(kind, format));
  if (typeof text !== "string") return reply.send(text.toBytes());
  return reply.send(text.length > SHORT_LENGTH ? Buffer.from(text) : text);
}

/** Sends JSON, whatever Accept says. They are bytes, as Fastify adds a charset to JSON text. */
export function sendJson(reply: FastifyReply, document: unknown): FastifyReply {
  return reply.header("content-type", "application/json").send(Buffer.from(JSON.stringify(document)));
}

/** Six of the largest pages fit, four of them of one user, and small answers. */
export const ANSWER_BYTES = 128 * 1024 * 1024;

/**
 * Counts an answer until its client has taken it or is gone. It may be called with an estimate before the answer is read, and again with
 * the size. Throws `unavailable` without room. What a request has changed must be answered: there the room of its body limits the answers.
 * The pages of visitors take no room from users: they are short, and limited by the number of connections.
 */
export function reserveAnswer(request: FastifyRequest, { raw }: FastifyReply, bytes: number): void {
  const { answers } = request.server;
  if (raw.destroyed || !isSafe(request) || isOfVisitor(request)) return;
  const owner = ownerOf(request);
  if (request.answerBytes === null) raw.once("close", () => answers.release(owner, request.answerBytes ?? 0));
  else answers.release(owner, request.answerBytes);
  const hasRoom = answers.tryReserve(owner, bytes);
  request.answerBytes = hasRoom ? bytes : 0;
  if (!hasRoom) throw new WhcbError("unavailable", "too many bytes of answers wait for their clients");
}

/** XML may make a text about four times as long: an ampersand has five characters. */
const XML_LENGTH = 4;

/** Returns how many times the answer may be as long as its JSON. */
export function lengthIn({ negotiated }: FastifyRequest): number {
  return negotiated?.format === "xml" ? XML_LENGTH : 1;
}

/** Counts what a change keeps in memory until it is done, like an answer. Throws `unavailable` without room. */
export async function reserveMemory<Result>(
  request: FastifyRequest,
  bytes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const { answers } = request.server;
  const owner = ownerOf(request);
  // The largest change fits, if its user keeps nothing else.
  const reserved = Math.min(bytes, ANSWER_BYTES / 2);
  if (!answers.tryReserve(owner, reserved)) throw new WhcbError("unavailable", "too many bytes are in memory");
  try {
    return await work();
  } finally {
    answers.release(owner, reserved);
  }
}
