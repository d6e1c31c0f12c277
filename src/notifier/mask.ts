/** Keeps secrets out of a mail: the callback's key wherever it turns up, and what looks like a key in its URL. */
import { maskKey } from "../domain/mask.js";

/** The text with every occurrence of the key masked, as it is or percent-encoded. */
export type KeyMask = (text: string) => string;

/** Shorter ones are no secret, and masking them would only make the text unreadable. */
const SHORTEST_SECRET = 4;

export function keyMaskOf(key: string): KeyMask {
  if (key.length < SHORTEST_SECRET) return (text) => text;
  // Half a surrogate pair has no percent-encoding.
  const wellFormed = Buffer.from(key).toString();
  const inForm = new URLSearchParams([["", key]]).toString().slice(1);
  const spellings = new Set([key, encodeURIComponent(wellFormed), encodeURI(wellFormed), inForm]);
  return (text) => [...spellings].reduce((masked, spelling) => masked.replaceAll(spelling, "****"), text);
}

/** The key as a mail may show it, in ASCII, so that a mail without other characters needs no encoding. */
export function showKey(key: string): string {
  return maskKey(key).replaceAll("•", "*");
}

const SECRET_NAME = /auth|key|token|secret|pass|pwd|sig|code|credential/i;

/** A URL for reading: no password, no value of a query parameter that looks like a secret or holds the key. */
export function maskUrl(url: string, mask: KeyMask): string {
  if (!URL.canParse(url)) return "(an unreadable URL)";
  const parsed = new URL(url);
  const userinfo = parsed.username === "" && parsed.password === "" ? "" : "****@";
  const query = [...parsed.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${shownValue(name, value, mask)}`)
    .join("&");
  return `${parsed.protocol}//${userinfo}${parsed.host}${mask(parsed.pathname)}${query === "" ? "" : `?${query}`}`;
}

function shownValue(name: string, value: string, mask: KeyMask): string {
  if (SECRET_NAME.test(name)) return "****";
  return mask(value) === value ? encodeURIComponent(value) : "****";
}
