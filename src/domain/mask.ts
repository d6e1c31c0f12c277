import type { DeliveryResult } from "./attempt.js";

/** Shows the last four characters if 12 or more. */
export function maskKey(key: string): string {
  return key.length >= 12 ? `••••${key.slice(-4)}` : "••••";
}

export type SecretMask = (text: string) => string;

/** A shorter one would make the text unreadable. */
const SHORTEST_SECRET = 4;
const MASK = "****";

/** Also percent-encoded, form-encoded and as in JSON. */
export function secretMask(secret: string): SecretMask {
  if (secret.length < SHORTEST_SECRET) return (text) => text;
  // encodeURIComponent throws on half a surrogate pair.
  const wellFormed = Buffer.from(secret).toString();
  const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
  const inJson = JSON.stringify(secret).slice(1, -1);
  const spellings = new Set([secret, encodeURIComponent(wellFormed), encodeURI(wellFormed), inForm, inJson]);
  return (text) => [...spellings].reduce((masked, spelling) => masked.replaceAll(spelling, MASK), text);
}

/** An endpoint may repeat its key. */
export function maskAnswer(result: DeliveryResult, mask: SecretMask): DeliveryResult {
  if (result.kind === "unreachable") return { ...result, detail: mask(result.detail) };
  return { ...result, statusMessage: mask(result.statusMessage), body: mask(result.body) };
}

const SECRET_NAME = /auth|key|token|secret|pass|pwd|sig|code|credential/i;

/** Without credentials and fragment. Masks a query value if its name looks secret or `mask` changes it. */
export function maskUrl(url: string, mask: SecretMask = (text) => text): string {
  if (!URL.canParse(url)) return "(an unreadable URL)";
  const parsed = new URL(url);
  const userinfo = parsed.username === "" && parsed.password === "" ? "" : `${MASK}@`;
  const query = [...parsed.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${shownValue(name, value, mask)}`)
    .join("&");
  return `${parsed.protocol}//${userinfo}${parsed.host}${mask(parsed.pathname)}${query === "" ? "" : `?${query}`}`;
}

function shownValue(name: string, value: string, mask: SecretMask): string {
  if (SECRET_NAME.test(name)) return MASK;
  return mask(value) === value ? encodeURIComponent(value) : MASK;
}

/** Masks every query value of a URL or path: `queryparam` auth has the key under a configurable name. */
export function maskQuery(url: string): string {
  return url.replace(/([?&][^=&]*)=[^&]*/g, "$1=••••");
}

/** Masks a URL's user and password, and nothing else. */
export function maskUserinfo(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//••••@");
}
