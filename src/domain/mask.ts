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

/** Whether a parameter of this name probably holds a secret. */
export function isSecretName(name: string): boolean {
  return /auth|key|token|secret|pass|pwd|sig|code|credential|session|sid(?![a-z])/i.test(name);
}

/** A long run of letters and digits, one a digit, is a token, and so is a UUID. Words and dates aren't. */
function hasToken(text: string): boolean {
  const runs = text.match(/[a-z0-9]{20,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi) ?? [];
  return runs.some((run) => /\d/.test(run));
}

/** Returns a callback's URL as every command, page and file shows it. */
export function shownUrl({ url, auth }: { readonly url: string; readonly auth: { readonly key: string | null } }): string {
  return maskUrl(url, secretMask(auth.key ?? ""));
}

/** Returns a URL without a secret as it is. `mask` is for one that may be anywhere in it. */
export function maskUrl(url: string, mask: SecretMask = (text) => text): string {
  if (!URL.canParse(url)) return url === "" ? "" : "(an unreadable URL)";
  const { protocol, username, password, host, pathname, search, hash } = new URL(url);
  const userinfo = username + password === "" ? "" : `${MASK}@`;
  const path = maskPath(pathname + search, mask);
  if (userinfo + hash === "" && path === pathname + search) return url;
  return `${protocol}//${userinfo}${host}${path}${hash === "" ? "" : `#${MASK}`}`;
}

function maskPath(path: string, mask: SecretMask): string {
  const [pathname = ""] = path.split("?", 1);
  const segments = mask(pathname).replace(/[^/]+/g, (segment) => (hasToken(segment) ? MASK : segment));
  return segments + path.slice(pathname.length).replace(/[^?&;]+/g, (parameter) => maskParameter(parameter, mask));
}

function maskParameter(parameter: string, mask: SecretMask): string {
  const [[name = "", value = ""] = []] = new URLSearchParams(parameter);
  const isSecret = (text: string) => hasToken(text) || mask(text) !== text;
  if (isSecret(name)) return MASK;
  const isShown = value === "" || !(isSecretName(name) || isSecret(value));
  return isShown ? parameter : `${parameter.split("=", 1)}=${MASK}`;
}

/** Also true of a URL that is masked already. */
export function hasUrlSecret(url: string): boolean {
  return isMasked(maskUrl(url));
}

export function isMasked(url: string): boolean {
  return url.includes(MASK);
}

/** For a text that somebody else wrote. */
export function maskUrlsIn(text: string): string {
  return text.replace(/https?:\/\/[^\s"'<>]+/gi, (url) => maskUrl(url));
}

/** Masks every query value of a path, and its tokens: `queryparam` auth has the key under a configurable name. */
export function maskQuery(path: string): string {
  return maskPath(path, (text) => text).replace(/([?&][^=&?]*)=[^&]*/g, "$1=••••");
}

/** Masks as journals of 0.1.0 are masked. */
export function maskUserinfo(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//••••@");
}
