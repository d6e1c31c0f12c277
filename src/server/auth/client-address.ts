/** What a request says of where it comes from and what it was sent to, and how much of that is believed. */
import type { FastifyRequest } from "fastify";

/**
 * Fastify's trustProxy, of the addresses from the connection backwards: the proxy in front is believed, and nothing that came to it. So
 * the caller's address is the one at the end of X-Forwarded-For, which that proxy has added; what stands before it anyone can write.
 */
export function isProxyInFront(_address: string, hop: number): boolean {
  return hop === 0;
}

const FORWARDED = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] as const;

/**
 * Whether a program of this machine asks, and asks directly. A proxy here makes everyone look local, and a web page can make a
 * browser here ask: under a name of its own, which a Host that is no address of this machine gives away.
 */
export function isDirectlyFromHere({ socket, headers }: FastifyRequest): boolean {
  if (!/^(?:127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "")) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])?(?::\d+)?$/i.test(headers.host ?? "");
}

const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

/** Links are made of it, so it must be a host and nothing more, whoever said it. HTTP/1.0 may leave it out. */
export function hasSoundHost({ host }: FastifyRequest): boolean {
  if (host === "") return true;
  const match = host.length <= 255 ? HOST.exec(host) : null;
  return match !== null && Number(match[1] ?? 0) <= 65_535;
}

export function schemeOf({ protocol }: FastifyRequest): "http" | "https" {
  return protocol === "https" ? "https" : "http";
}
