import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { StoredCredential } from "../../store/credentials.js";
import type { JsonObject } from "../../wire/json/json-value.js";
import { type Negotiated, type ResourceKind, vendorType } from "../../wire/media-types.js";
import { toXml, type XmlShape } from "../../wire/xml/xml-write.js";
import { reserveAnswer } from "./answer-budget.js";

declare module "fastify" {
  interface FastifyRequest {
    /** null if not supported. */
    negotiated: Negotiated | null;
    /** null without authentication. */
    credential: StoredCredential | null;
    /** 0 unless read whole. */
    bodyBytes: number;
  }
}

/** Fastify wants them before hooks set them. */
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

/** Bytes: Fastify adds a charset to JSON text. */
export function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { kind, shape, document, status = 200 }: Answer,
): FastifyReply {
  const { format, type } = request.negotiated ?? { format: "json", type: null };
  const isPlain = type === "application/json" || type === "application/xml";
  const bytes = Buffer.from(format === "xml" ? toXml(shape, document) : JSON.stringify(document));
  reserveAnswer(request, reply, bytes.length);
  return reply
    .code(status)
    .header("content-type", isPlain ? type : vendorType(kind, format))
    .send(bytes);
}
