import { checksum, quoteWord, urlVariable } from "../domain/command-line.js";
import { WhcbError } from "../domain/errors.js";
import { hasUrlSecret } from "../domain/mask.js";
import { escapeJson } from "../platform/unsafe-characters.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";

export interface KnownRequest {
  readonly callbackId: string;
  readonly request: DeliveryRequest;
  /** `url` has no parameter of the auth. It is that of `to`, if there is one. */
  readonly url: string;
  /** The URL of --to; null for the callback's own. */
  readonly to: string | null;
  /** `secret` must not be shown. It is "" if there is none. */
  readonly secret: string;
}

/** Variables stand for what is secret. Throws `usage` for a URL that holds secrets and that curl may read otherwise. */
export function toCurl(known: KnownRequest): string {
  const { method, headers, body } = known.request;
  // An endpoint that rejects may do so with an empty body, and curl would end with 0.
  const words = ["curl", "--globoff", "--fail-with-body", "--request", method, "--url", urlWord(known)];
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoteWithVariable(`${name}: ${value}`, known));
  // --data would read a body that begins with @ as a file name.
  if (body !== null) words.push("--data-raw", quoteWord(isJson(known.request) ? escapeJson(body, UNSHOWABLE) : body));
  return words.join(" ");
}

/** Each callback and each URL of --to has its own: with another's, which may still be set, the call would go to the wrong endpoint. */
export function curlUrlVariable({ callbackId, to }: Pick<KnownRequest, "callbackId" | "to">): string {
  return to === null ? `WHCB_CALLBACK_URL_${wordOf(callbackId)}` : urlVariable(to);
}

function wordOf(callbackId: string): string {
  return /\W/.test(callbackId) ? `${callbackId.replace(/\W/g, "_")}_${checksum(callbackId)}` : callbackId;
}

/** `UNSHOWABLE` is escaped: JSON needs no quotes that only some shells read. Other controls are escaped already. */
const UNSHOWABLE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

function isJson({ headers }: DeliveryRequest): boolean {
  return headers["content-type"]?.includes("json") === true;
}

/** Writes the URL as it is parsed here: curl reads a backslash otherwise, and expands braces. */
export function sentUrl(url: string): string {
  const parsed = new URL(url);
  // A delivery doesn't send these either.
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  return parsed.href;
}

function urlWord(known: KnownRequest): string {
  const { request, url } = known;
  const sent = request.url;
  if (!hasUrlSecret(sentUrl(url))) return quoteWithVariable(sentUrl(sent), known);
  const { origin } = new URL(url);
  if (!url.toLowerCase().startsWith(origin) || !/^(?::\d+)?(?:[/?][^\\#\s]*)?$/.test(url.slice(origin.length))) {
    throw new WhcbError("usage", "the URL holds secrets and has a part that curl may read otherwise: no command can be printed");
  }
  const parameter = sent.slice(url.length);
  const variable = `"$${curlUrlVariable(known)}"`;
  return parameter === "" ? variable : variable + quoteWithVariable(parameter, known);
}

function quoteWithVariable(text: string, { secret, callbackId }: KnownRequest): string {
  if (secret === "") return quoteWord(text);
  // In a URL the key is percent-encoded; the variable isn't, which only differs for unusual keys.
  const encoded = encodeURIComponent(secret);
  // A parsed URL's query has %27 for an apostrophe.
  const spellings = [secret, encoded, encoded.replaceAll("'", "%27")];
  const parts = spellings.reduce((pieces, spelling) => pieces.flatMap((piece) => piece.split(spelling)), [text]);
  return parts.map((part) => (part === "" ? "" : quoteWord(part))).join(`"$WHCB_CALLBACK_KEY_${wordOf(callbackId)}"`) || "''";
}
