/** Sending a document in the form that the request asked for. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { JsonObject } from "../../wire/json/json-value.js";
import { type Negotiated, type ResourceKind, vendorType } from "../../wire/media-types.js";
import { toXml, type XmlShape } from "../../wire/xml/xml-write.js";
import type { ErrorAnswer } from "./error-answers.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What Accept asks for; null where the service has nothing of the kind. */
    negotiated: Negotiated | null;
    /** Of the API key that the request came with, hashed; "" without authentication. */
    apiKeyHash: string;
    username: string;
  }
}

export interface Answer {
  readonly kind: ResourceKind;
  readonly shape: XmlShape;
  readonly document: JsonObject;
  readonly status?: number;
}

export function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { kind, shape, document, status = 200 }: Answer,
): FastifyReply {
  const { format, type } = request.negotiated ?? { format: "json", type: null };
  const isPlain = type === "application/json" || type === "application/xml";
  return reply
    .code(status)
    .header("content-type", isPlain ? type : vendorType(kind, format))
    .send(format === "xml" ? toXml(shape, document) : JSON.stringify(document));
}

/** An error goes out in the same form, or in JSON where no form is acceptable. */
export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, document, headers }: ErrorAnswer,
): FastifyReply {
  const isXml = request.negotiated?.format === "xml";
  return reply
    .code(status)
    .headers(headers)
    .header("content-type", isXml ? "application/xml" : "application/json")
    .send(isXml ? toXml("error", { ...document }) : JSON.stringify(document));
}
