/** The client's address and the host it used, and how far either is trusted. */
import type { FastifyRequest } from "fastify";

/**
 * Fastify's trustProxy, called for each address from the connection backwards. Only the proxy in front is trusted, so the client's address
 * is the last in X-Forwarded-For, which that proxy added; anyone can send the ones before it.
 */
export function isProxyInFront(_address: string, hop: number): boolean {
  return hop === 0;
}

const FORWARDED = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] as const;

/**
 * Whether the request comes from a program on this machine, without a proxy. Through a proxy here everyone looks local, and a web page can
 * make a local browser send requests, but then Host is the page's name.
 */
export function isDirectlyFromHere({ socket, headers }: Pick<FastifyRequest, "socket" | "headers">): boolean {
  if (!/^(?:127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "")) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])?(?::\d+)?$/i.test(headers.host ?? "");
}

const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

/** Links are built from it, so it must be a host and nothing else. HTTP/1.0 may leave it out. */
export function hasValidHost({ host }: Pick<FastifyRequest, "host">): boolean {
  if (host === "") return true;
  const match = host.length <= 255 ? HOST.exec(host) : null;
  return match !== null && Number(match[1] ?? 0) <= 65_535;
}

export function schemeOf({ protocol }: FastifyRequest): "http" | "https" {
  return protocol === "https" ? "https" : "http";
}
