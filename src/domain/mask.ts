/** Secrets as they may be shown. */

/** The key as it may be shown: never more than its last four characters, and those only of a long one. */
export function maskKey(key: string): string {
  return key.length >= 12 ? `••••${key.slice(-4)}` : "••••";
}

/** The text with every occurrence of one secret masked. */
export type SecretMask = (text: string) => string;

/** Shorter ones aren't secrets, and masking them would only make the text unreadable. */
const SHORTEST_SECRET = 4;
const MASK = "****";

/** Masks the secret as it is and percent-encoded. */
export function secretMask(secret: string): SecretMask {
  if (secret.length < SHORTEST_SECRET) return (text) => text;
  // Half a surrogate pair has no percent-encoding.
  const wellFormed = Buffer.from(secret).toString();
  const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
  const spellings = new Set([secret, encodeURIComponent(wellFormed), encodeURI(wellFormed), inForm]);
  return (text) => [...spellings].reduce((masked, spelling) => masked.replaceAll(spelling, MASK), text);
}

const SECRET_NAME = /auth|key|token|secret|pass|pwd|sig|code|credential/i;

/** A URL without its password and without query values that look like a secret or hold one. */
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
