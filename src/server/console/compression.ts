/** Pages are compressed as they are sent, assets by the build (assets.ts). SECURITY.md says what the sizes could tell. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isForeign } from "../auth/request-origin.js";
import { reserveAnswer } from "../requests/send-document.js";

/** A shorter page fits in one packet. */
const SHORT_LENGTH = 1400;
/** Each takes about 300 KiB while it is compressed. More pages are sent as they are. */
const MOST_AT_ONCE = 16;

const compress = promisify(gzip);
let inProgress = 0;

/** Is called before a page is sent. Takes strings only: a stream or a file passes. A page may wait long for its client, so it is bytes. */
export async function compressPage(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (typeof payload !== "string" || payload.length < SHORT_LENGTH) return payload;
  reply.header("vary", "Accept-Encoding");
  const isWanted = takesCoding(request, "gzip") && !isForeign(request.headers["sec-fetch-site"]);
  if (!isWanted || inProgress >= MOST_AT_ONCE) return Buffer.from(payload);
  inProgress += 1;
  const compressed = await compress(payload).finally(() => {
    inProgress -= 1;
  });
  reserveAnswer(request, reply, compressed.length);
  reply.header("content-encoding", "gzip");
  return compressed;
}

/** A coding with the weight 0 isn't taken. */
export function takesCoding({ headers }: FastifyRequest, coding: "gzip" | "br"): boolean {
  const ranges = String(headers["accept-encoding"] ?? "").split(",", 100);
  return ranges.some((range) => {
    const [name, ...parameters] = range.replaceAll(" ", "").toLowerCase().split(";");
    return name === coding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
