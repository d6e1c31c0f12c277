/** Request bodies: JSON and XML read whole (10 MiB at most), NDJSON handed on as a stream. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { bodyFormat, NDJSON } from "../../wire/media-types.js";

export const BODY_LIMIT = 10_485_760;

export function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([NDJSON, "application/ndjson"], (request, payload, done) => {
    // Only the route that takes NDJSON reads a stream; elsewhere it is one more type that isn't supported.
    if (request.routeOptions.config.takesNdjson) done(null, payload);
    else done(unsupported(), undefined);
  });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    const isXml = bodyFormat(request.headers["content-type"] ?? "") === "xml";
    if (isXml && body.length > 0 && !request.is404) {
      parseXml(Buffer.from(body)).then((document) => done(null, document), done);
      return;
    }
    try {
      done(null, parseJson(request, Buffer.from(body)));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)), undefined);
    }
  });
}

declare module "fastify" {
  interface FastifyContextConfig {
    takesNdjson?: boolean;
  }
}

/** A Content-Type without a body is fine; a body without one, or with another, isn't. */
function parseJson(request: FastifyRequest, body: Buffer): unknown {
  if (body.length === 0 || request.is404) return undefined;
  if (bodyFormat(request.headers["content-type"] ?? "") !== "json") throw unsupported();
  const text = decode(body);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WhcbError("malformed", "the body is no JSON", { cause: error });
  }
}

/** The reader is loaded with the first document: most callers speak JSON. */
async function parseXml(body: Buffer): Promise<unknown> {
  const { callsFromXml, readXml } = await import("../../wire/xml/xml-read.js");
  return callsFromXml(readXml(decode(body)));
}

export function unsupported(): WhcbError {
  return new WhcbError(
    "unsupported-media-type",
    "Content-Type must be application/json, application/xml or one of the API's own types",
  );
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function decode(body: Buffer): string {
  try {
    return UTF8.decode(body);
  } catch (error) {
    throw new WhcbError("malformed", "the body is no UTF-8", { cause: error });
  }
}
