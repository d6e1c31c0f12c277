import type { FastifyRequest } from "fastify";

/** Fastify's trustProxy: only the last address in X-Forwarded-For is trusted, because anyone can send the others. */
export function isProxyInFront(_address: string, hop: number): boolean {
  return hop === 0;
}

const FORWARDED = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] as const;

/** False through a proxy, where everyone looks local. Checks Host too: a web page can make a local browser send requests. */
export function isDirectlyFromHere({ socket, headers }: Pick<FastifyRequest, "socket" | "headers">): boolean {
  if (!/^(?:127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "")) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])?(?::\d+)?$/i.test(headers.host ?? "");
}

const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

/** Links are built from it. HTTP/1.0 may leave it out. */
export function hasValidHost({ host }: Pick<FastifyRequest, "host">): boolean {
  if (host === "") return true;
  const match = host.length <= 255 ? HOST.exec(host) : null;
  return match !== null && Number(match[1] ?? 0) <= 65_535;
}

export function schemeOf({ protocol }: FastifyRequest): "http" | "https" {
  return protocol === "https" ? "https" : "http";
}
