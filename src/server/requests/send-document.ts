import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { JsonObject } from "../../wire/json/json-value.js";
import { type Negotiated, type ResourceKind, vendorType } from "../../wire/media-types.js";
import { toXml, type XmlShape } from "../../wire/xml/xml-write.js";
import { isSafe } from "../auth/request-origin.js";
import { type ByteBudget, ownerOf } from "./byte-budget.js";

declare module "fastify" {
  interface FastifyInstance {
    readonly answers: ByteBudget;
  }
  interface FastifyRequest {
    /** It is null if what Accept asks for isn't supported. */
    negotiated: Negotiated | null;
    /** It is null without authentication. */
    credential: StoredCredential | null;
    /** It is 0 unless the body is read whole. */
    bodyBytes: number;
  }
}

/** Fastify wants them declared before hooks set them. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest("negotiated", null);
  app.decorateRequest("credential", null);
  app.decorateRequest("bodyBytes", 0);
}

export interface Answer {
  readonly kind: ResourceKind;
  readonly shape: XmlShape;
  readonly document: JsonObject;
  readonly status?: number;
}

/** Sends bytes, as Fastify adds a charset to JSON text. */
export function sendDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  { kind, shape, document, status = 200 }: Answer,
): FastifyReply {
  const { format, type } = request.negotiated ?? { format: "json", type: null };
  const isPlain = type === "application/json" || type === "application/xml";
  const text = format === "xml" ? toXml(shape, document) : JSON.stringify(document);
  reserveAnswer(request, reply, typeof text === "string" ? Buffer.byteLength(text) : text.byteLength);
  return reply
    .code(status)
    .header("content-type", isPlain ? type : vendorType(kind, format))
    .send(typeof text === "string" ? Buffer.from(text) : text.toBytes());
}

/** Six of the largest pages fit, four of them of one user, and small answers. */
export const ANSWER_BYTES = 128 * 1024 * 1024;

/**
 * Counts an answer until its client has taken it or is gone. Throws `unavailable` without room. What a request has changed must be answered:
 * there the room of its body limits the answers.
 */
export function reserveAnswer(request: FastifyRequest, { raw }: FastifyReply, bytes: number): void {
  const { answers } = request.server;
  if (raw.destroyed || !isSafe(request)) return;
  const owner = ownerOf(request);
  if (!answers.tryReserve(owner, bytes)) throw noRoom();
  raw.once("close", () => answers.release(owner, bytes));
}

/** Does what `reserveAnswer` does, but before the answer is read, and reserves nothing. */
export function requireRoom(request: FastifyRequest, bytes: number): void {
  if (!request.server.answers.hasRoom(ownerOf(request), bytes)) throw noRoom();
}

function noRoom(): WhcbError {
  return new WhcbError("unavailable", "too many bytes of answers wait for their clients");
}
