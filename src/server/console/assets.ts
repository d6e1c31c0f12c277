/** The console's files are named by their content, so browsers keep them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { readBuiltFile } from "../../platform/files/built-file.js";
import { pathOf } from "../requests/send-errors.js";
import { takesCoding } from "./compression.js";

interface Asset {
  readonly type: string;
  readonly content: Buffer;
  /** The best coding comes first. Only built files have compressed ones. */
  readonly compressed: readonly { readonly coding: "br" | "gzip"; readonly content: Buffer }[];
}

const BY_PATH = new Map<string, Asset>();

/** `npm run build` copies and compresses the files. Loading throws if one is missing. */
export const ASSETS = {
  style: loadAsset("console.css", "text/css; charset=utf-8"),
  script: loadAsset("console.js", "text/javascript; charset=utf-8"),
  live: loadAsset("live.js", "text/javascript; charset=utf-8"),
  icon: loadAsset("icon.svg", "image/svg+xml"),
};

export type AssetPaths = Readonly<typeof ASSETS>;

function loadAsset(name: string, type: string): string {
  // The folder is beside this file, and beside the built one.
  const file = join(import.meta.dirname, "assets", name);
  const content = readBuiltFile(file);
  if (content === null) throw new Error(`${file} is missing`);
  const compressed = (["br", "gzip"] as const).flatMap((coding) => {
    const compressedContent = readBuiltFile(`${file}.${coding}`);
    return compressedContent === null ? [] : [{ coding, content: compressedContent }];
  });
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const path = `/console/assets/${name.replace(/\.(\w+)$/, `-${hash}.$1`)}`;
  BY_PATH.set(path, { type, content, compressed });
  return path;
}

/** Throws `not-found`, for a file of another version too. */
export function sendAsset(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asset = BY_PATH.get(pathOf(request));
  if (asset === undefined) throw new WhcbError("not-found", "The console has no such file");
  const { type, content, compressed } = asset;
  const chosen = compressed.find(({ coding }) => takesCoding(request, coding));
  if (chosen !== undefined) reply.header("content-encoding", chosen.coding);
  return reply
    .header("cache-control", "public, max-age=31536000, immutable")
    .header("vary", "Accept-Encoding")
    .type(type)
    .send(chosen?.content ?? content);
}
