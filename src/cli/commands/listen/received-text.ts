/** What an endpoint received, for people and for scripts. Keys are never shown. */

import type { RenderOptions } from "../../output/render-options.js";
import { sanitize } from "../../output/sanitize.js";
import { formatInstant } from "../../output/times.js";
import type { Received } from "./listening-endpoint.js";

/** One line. `isRepeat`: the same webhook-id came before. */
export function renderReceived(received: Received, isRepeat: boolean, options: RenderOptions): string {
  const { palette } = options;
  const status = received.status === null ? "hangs" : String(received.status);
  const paint = received.status === 200 ? palette.good : palette.bad;
  const what = received.number === 0 ? "" : ` ${describeBody(received.body)}`;
  const repeat = isRepeat ? ` ${palette.warn("(seen before)")}` : "";
  const head = `${palette.dim(formatInstant(received.at, options.utc))} ${paint(status)} ${sanitize(received.method)} ${sanitize(maskQuery(received.url))}`;
  return `${head}${sanitize(what)}${repeat}\n`;
}

/** The ndjson contract of `listen`. */
export function receivedJson(received: Received, isRepeat: boolean): Readonly<Record<string, unknown>> {
  return {
    at: new Date(received.at).toISOString(),
    method: received.method,
    url: maskQuery(received.url),
    status: received.status,
    webhookId: received.headers["webhook-id"] ?? null,
    repeat: isRepeat,
    headers: Object.fromEntries(Object.entries(received.headers).map(([name, value]) => [name, isSecret(name) ? "••••" : value])),
    body: parseBody(received.body),
  };
}

function isSecret(header: string): boolean {
  return /auth|key|token|secret|cookie/i.test(header);
}

/** The values of every query parameter are masked: `queryparam` auth puts the key there, under a name that is a setting. */
function maskQuery(url: string): string {
  return url.replace(/([?&][^=&]*)=[^&]*/g, "$1=••••");
}

function describeBody(body: string): string {
  const document = parseBody(body);
  if (!isRecord(document)) return `${Buffer.byteLength(body)} bytes`;
  const response = isRecord(document.responseMessage) ? document.responseMessage : {};
  const from = isRecord(document.from) ? document.from : {};
  const sender = [from.mobile, from.email, from.voice, from.name].find((text) => typeof text === "string" && text !== "");
  const content = typeof response.content === "string" ? JSON.stringify(response.content.slice(0, 120)) : "";
  const kind = "undeliverable" in response ? "undeliverable" : "reply";
  return [kind, typeof sender === "string" ? `from ${sender}` : "", content].filter((part) => part !== "").join(" ");
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
