import type { BodyFormat } from "../domain/callback.js";

export type ResourceKind = "callback" | "call" | "auth";

export const NDJSON = "application/x-ndjson";
export const NDJSON_TYPES: ReadonlySet<string> = new Set([NDJSON, "application/ndjson"]);

const VENDOR = /^application\/vnd\.whispir\.(?:api-callback|api-call|auth)-v1\+(json|xml)$/;

export function vendorType(kind: ResourceKind, format: BodyFormat): string {
  return kind === "auth" ? `application/vnd.whispir.auth-v1+${format}` : `application/vnd.whispir.api-${kind}-v1+${format}`;
}

/** Curl sends this by default, whatever the body is. */
const FORM = "application/x-www-form-urlencoded";

/** Returns null if it isn't supported, and "unnamed" if it says nothing about the body. */
export function bodyFormat(contentType: string): BodyFormat | "ndjson" | "unnamed" | null {
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([\w-]+)"?\s*$/.exec(parameter)?.[1]).find(Boolean);
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/.test(charset)) return null;
  const name = type.trim();
  if (NDJSON_TYPES.has(name)) return "ndjson";
  return name === "" || name === FORM ? "unnamed" : formatOf(name);
}

export interface Negotiated {
  readonly format: BodyFormat;
  /** `type` is null without Accept, or if a wildcard matched. */
  readonly type: string | null;
}

/** The highest q wins, then the more specific range, then the earlier one. Returns `byDefault` for wildcards, and null if unsupported. */
export function negotiate(accept: string | undefined, byDefault: BodyFormat = "xml"): Negotiated | null {
  if (accept === undefined || accept.trim() === "") return { format: byDefault, type: null };
  let best: (Negotiated & { readonly q: number; readonly isSpecific: boolean }) | null = null;
  for (const range of accept.split(",")) {
    const { name, q } = parseRange(range);
    const isWildcard = name === "*/*" || name === "application/*";
    const format = isWildcard ? byDefault : formatOf(name);
    if (format === null || q <= 0) continue;
    if (best === null || q > best.q || (q === best.q && !isWildcard && !best.isSpecific)) {
      best = { format, type: isWildcard ? null : name, q, isSpecific: !isWildcard };
    }
  }
  return best && { format: best.format, type: best.type };
}

function parseRange(range: string): { readonly name: string; readonly q: number } {
  const [type = "", ...parameters] = range.toLowerCase().split(";");
  const weight = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/.exec(parameter)?.[1]).find((q) => q !== undefined);
  const q = weight === undefined ? 1 : Number(weight);
  return { name: type.trim(), q: Number.isFinite(q) ? Math.min(q, 1) : 0 };
}

function formatOf(name: string): BodyFormat | null {
  if (name === "application/json") return "json";
  if (name === "application/xml") return "xml";
  const vendor = VENDOR.exec(name)?.[1];
  return vendor === "json" || vendor === "xml" ? vendor : null;
}
