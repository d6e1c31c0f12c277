/** The console's files are named by their content, so browsers keep them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { FastifyReply } from "fastify";
import { WhcbError } from "../../domain/errors.js";

interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

const BY_PATH = new Map<string, Asset>();

/** `npm run build` copies the files. Loading throws if one is missing. */
export const ASSETS = {
  style: loadAsset("console.css", "text/css; charset=utf-8"),
  script: loadAsset("console.js", "text/javascript; charset=utf-8"),
  live: loadAsset("live.js", "text/javascript; charset=utf-8"),
  icon: loadAsset("icon.svg", "image/svg+xml"),
};

export type AssetPaths = Readonly<typeof ASSETS>;

function loadAsset(name: string, type: string): string {
  // The folder is beside this file, and beside the built one.
  const content = readFileSync(new URL(`./assets/${name}`, import.meta.url));
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const path = `/console/assets/${name.replace(/\.(\w+)$/, `-${hash}.$1`)}`;
  BY_PATH.set(path, { type, content });
  return path;
}

/** Throws `not-found`, for a file of another version too. */
export function sendAsset(path: string, reply: FastifyReply): FastifyReply {
  const asset = BY_PATH.get(path);
  if (asset === undefined) throw new WhcbError("not-found", "The console has no such file");
  return reply.header("cache-control", "public, max-age=31536000, immutable").type(asset.type).send(asset.content);
}
