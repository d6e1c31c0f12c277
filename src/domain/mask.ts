import type { DeliveryResult } from "./attempt.js";

/** Shows the last four characters if 12 or more. Those of Basic's key would be the end of the password, in base64. */
export function maskKey({ type, key }: KnownAuth): string {
  return key.length >= 12 && type !== "basicauth" ? `••••${key.slice(-4)}` : "••••";
}

/** Returns the text's first `kept` bytes (default: all of it), as maskSecrets does. */
export type SecretMask = (text: string, kept?: number) => string;

const MASK = "****";

export function secretMask(secrets: readonly string[]): SecretMask {
  return (text, kept) => maskSecrets(Buffer.from(text), secrets, kept).toString();
}

interface KnownAuth {
  readonly type: string | null;
  readonly key: string;
}

interface SecretTarget {
  readonly url: string;
  readonly auth: KnownAuth;
  readonly signingSecrets?: readonly { readonly secret: string }[];
}

/** What an endpoint may repeat: the key, its signing secrets, and what is masked in the URL. A short word, such as true, may be in any answer. */
export function callbackSecrets({ url, auth, signingSecrets = [] }: SecretTarget): readonly string[] {
  const inUrl: string[] = [];
  const parsed = url.length > LONGEST_URL ? null : parseUrl(url);
  if (parsed !== null) {
    inUrl.push(parsed.username, parsed.password);
    maskPath(parsed.pathname + parsed.search, (text) => text, inUrl);
  }
  const isWord = (text: string) => /^[a-z]{1,7}$/i.test(text);
  const signing = signingSecrets.map(({ secret }) => secret.replace(/^whsec_/, "").replace(/={1,2}$/, ""));
  const all = [...secretsOf(auth), ...signing, ...inUrl.filter((text) => !isWord(text))];
  return all.filter(({ length }) => length >= SHORTEST_SECRET);
}

/** What an endpoint knows from the request. Basic's key is a login in base64. */
export function secretsOf({ type, key }: KnownAuth): readonly string[] {
  if (type !== "basicauth") return [key];
  const login = Buffer.from(key, "base64").toString();
  return [key.replace(/={1,2}$/, ""), login, login.slice(login.indexOf(":") + 1)];
}

/** Returns a bound in bytes: a character takes 30 as a number of HTML within JSON, and more with each layer. */
export function longestSpelling(secrets: readonly string[]): number {
  return 64 * secrets.reduce((longest, { length }) => Math.max(longest, length), 0);
}

/** Returns the text's first `kept` bytes. They are masked before they are cut, so that they don't end with a part of a secret. */
export function maskSecrets(text: Buffer, secrets: readonly string[], kept = text.length): Buffer {
  if (secrets.every((secret) => secret.length > text.length)) return text.subarray(0, kept);
  const bytes = text.toString("latin1", 0, kept + longestSpelling(secrets));
  const spans = findSecrets(bytes, secrets, kept);
  if (spans.length === 0) return text.subarray(0, kept);
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    if (start >= kept) break;
    if (start >= at) pieces.push(bytes.slice(at, start), MASK);
    at = Math.max(at, end);
  }
  return Buffer.from(pieces.concat(bytes.slice(at, kept)).join(""), "latin1");
}

export function maskAnswer(result: DeliveryResult, mask: SecretMask): DeliveryResult {
  if (result.kind === "unreachable") return { ...result, detail: mask(result.detail) };
  return { ...result, statusMessage: mask(result.statusMessage), body: mask(result.body) };
}

/** Whether a parameter of this name probably holds a secret. */
export function isSecretName(name: string): boolean {
  return /auth|key|token|secret|pass|pwd|sig|code|credential|session|cookie|sid(?![a-z])/i.test(name);
}

/** A long run of letters and digits, one a digit, is a token, and so is a UUID. Words and dates aren't. */
function hasToken(text: string): boolean {
  const runs = text.match(/[a-z0-9]{20,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi) ?? [];
  return runs.some((run) => /\d/.test(run));
}

/** Returns a callback's URL as every command, page and file shows it. */
export function shownUrl({ url, auth }: { readonly url: string; readonly auth: ShownAuth }): string {
  return maskUrl(url, secretMask(auth.key === null ? [] : secretsOf({ type: auth.type, key: auth.key })));
}

/** The key is null if the service doesn't return it. */
interface ShownAuth {
  readonly type: string | null;
  readonly key: string | null;
}

/** Returns null for text that isn't a URL. URL.canParse of Node 20 and 22 rejects bücher.example once V8 has optimized its caller. */
export function parseUrl(text: string, base?: string): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

/** Returns null for what `webUrlProblem` finds a problem in. */
export function parseWebUrl(text: string): URL | null {
  return webUrlProblem(text) === null ? parseUrl(text) : null;
}

/**
 * Says what is wrong with an http or https URL, or returns null. The parser makes another host or port of what an unset variable leaves of
 * http://$HOST/path, http://10.0.0.$N/ and http://host:$PORT/, and says nothing: what is sent would go elsewhere than is shown.
 */
export function webUrlProblem(text: string): string | null {
  const [, authority] = /^https?:\/\/([^/\\?#]*)/i.exec(text) ?? [];
  if (authority === undefined) return "must be an http or https URL";
  const [, host = "", port] = /^(?:.*@)?(.*?)(?::([^:\]]*))?$/s.exec(authority) ?? [];
  if (host === "") return "must have a host before its path";
  // A host in another script may have its dots.
  if (/^[.\u3002\uff0e\uff61]|[.\u3002\uff0e\uff61]{2}|[.\u3002\uff0e\uff61]$/.test(host)) {
    return "must have a host that neither begins nor ends with a dot, nor has two in a row";
  }
  const parsed = parseUrl(text);
  if (parsed === null) return "must be an http or https URL";
  if (port === "") return "must have a port after the colon of its host";
  if (Number(port) === 0) return "must not have port 0";
  const { hostname } = parsed;
  const isSame = host.toLowerCase() === hostname;
  if (!isSame && /^\d+(?:\.\d+){3}$/.test(hostname)) return "must have an IPv4 address of four numbers without leading zeros";
  // An IPv6 address has several spellings, and the parser translates a host in another script.
  const hasSpellings = host.startsWith("[") || (/[^\0-\x7f]/.test(host) && !host.includes("%"));
  return isSame || hasSpellings ? null : "must have a host without % and white space";
}

/** A service may return a URL of any length, and looking for secrets in it takes much more memory than its characters. */
const LONGEST_URL = 65_536;

/** Returns a URL without a secret as it is. `mask` is for one that may be anywhere in it. */
export function maskUrl(url: string, mask: SecretMask = (text) => text): string {
  const parsed = url.length > LONGEST_URL ? null : parseUrl(url);
  if (parsed === null) return url === "" ? "" : "(an unreadable URL)";
  const { protocol, username, password, host, pathname, search, hash } = parsed;
  const userinfo = username + password === "" ? "" : `${MASK}@`;
  const path = maskPath(pathname + search, mask);
  if (userinfo + hash === "" && path === pathname + search) return url;
  return `${protocol}//${userinfo}${host}${path}${hash === "" ? "" : `#${MASK}`}`;
}

/** Adds what it masks by itself to `found`. */
function maskPath(path: string, mask: SecretMask, found: string[] = []): string {
  const [pathname = ""] = path.split("?", 1);
  const segments = mask(pathname).replace(/[^/]+/g, (segment) => {
    if (!hasToken(segment)) return segment;
    found.push(segment);
    return MASK;
  });
  return segments + path.slice(pathname.length).replace(/[^?&;]+/g, (parameter) => maskParameter(parameter, mask, found));
}

function maskParameter(parameter: string, mask: SecretMask, found: string[]): string {
  const [[name = "", value = ""] = []] = new URLSearchParams(parameter);
  const isSecret = (text: string) => hasToken(text) || mask(text) !== text;
  const isWhole = isSecret(name);
  if (!isWhole && (value === "" || !(isSecretName(name) || isSecret(value)))) return parameter;
  found.push(value, ...(isWhole ? [name] : []));
  return isWhole ? MASK : `${parameter.split("=", 1)}=${MASK}`;
}

/** Whether the URL has a secret, or is masked already. */
export function hasUrlSecret(url: string): boolean {
  return isMasked(maskUrl(url));
}

export function isMasked(text: string): boolean {
  return text.includes(MASK);
}

/** Masks each URL in a text that somebody else wrote. */
export function maskUrlsIn(text: string): string {
  return text.replace(/https?:\/\/[^\s"'<>]+/gi, (url) => maskUrl(url));
}

/** Masks every query value of a path, and its tokens: `queryparam` auth has the key under a configurable name. */
export function maskQuery(path: string): string {
  return maskPath(path, (text) => text).replace(/([?&][^=&?]*)=[^&]*/g, "$1=••••");
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** A shorter one would make the text unreadable. */
export const SHORTEST_SECRET = 4;

/**
 * Finds secrets that begin in the text's first `kept` bytes, as JSON, HTML, URLs and programs spell them, one in the other too, in UTF-8 with
 * a character for each byte. In order of their starts; they may overlap. Linear time.
 */
function findSecrets(text: string, secrets: readonly string[], kept: number): Span[] {
  const folded = foldCase(text);
  // Each is sought only as far as it can reach: there may be many short ones beside a long one.
  const isPossible = (secret: string) => folded.slice(0, kept + longestSpelling([secret])).includes(wordOf(secret));
  const possible = LETTERS_ESCAPED.test(text) ? secrets : secrets.filter(isPossible);
  if (possible.length === 0) return [];
  const beyondAscii = possible.filter((secret) => /[^\0-\x7f]/.test(secret));
  const written = [...possible.map(bytesOf), ...beyondAscii.map(inLatin1)].filter(({ length }) => length >= SHORTEST_SECRET);
  // A secret may itself look like an escape.
  const layers = layersOf(text);
  const last = foldCase(layers.at(-1) ?? "");
  const forms = written.map((secret) => ({ secret, form: decode(secret) }));
  const starts = forms.some(({ form }) => last.includes(foldCase(form))) ? startsOf(layers) : [];
  const spelled = forms.flatMap(({ secret, form }) => {
    // Nothing gets shorter by spelling: what little is left of a secret of escapes is sought only in as many characters as it has.
    const minLength = form.length < SHORTEST_SECRET ? secret.length : 0;
    // Nothing gets longer by decoding, so what begins in the kept bytes doesn't begin later here.
    return spansIn(last, form, kept, starts, minLength);
  });
  const asWritten = written.flatMap((secret) => spansIn(folded, secret, kept));
  return [...asWritten, ...spelled].sort((one, other) => one.start - other.start);
}

/** Other escapes leave letters and digits as they are. Most texts have none of these: they needn't be decoded. */
const LETTERS_ESCAPED = /\\[ux]|%[\da-f]|#x?[\da-f]+;|(?:bsol|percnt|num|semi);/i;

function wordOf(secret: string): string {
  return (/[a-z\d]{4,}/i.exec(secret)?.[0] ?? "").toLowerCase();
}

/**
 * The text's case is folded; `starts` are its characters' places in the text before it was decoded. Of the shortest forms, which are found at
 * each place, most are ruled out by `minLength`.
 */
function spansIn(text: string, secret: string, kept: number, starts: readonly number[] = [], minLength = 0): Span[] {
  const spans: Span[] = [];
  if (secret === "") return spans;
  const sought = foldCase(secret);
  const step = sought.length < SHORTEST_SECRET ? 1 : sought.length;
  const searched = text.slice(0, kept + sought.length);
  for (let at = searched.indexOf(sought); at !== -1; at = searched.indexOf(sought, at + step)) {
    const start = starts[at] ?? at;
    const end = starts[at + sought.length] ?? at + sought.length;
    if (end - start >= minLength) spans.push({ start, end });
  }
  return spans;
}

/** Hosts are in lower case, and forms have a + for a space. */
function foldCase(text: string): string {
  return text.toLowerCase().replaceAll("+", " ");
}

function decode(text: string): string {
  return layersOf(text).at(-1) ?? "";
}

/**
 * A URL may be in HTML that is in JSON: five layers are promised, and a secret that looks like an escape, such as CORP\ada, has one or two of
 * its own. "%25252525…" has a layer for every two characters.
 */
const MAX_LAYERS = 7;

/** Returns the text, then the text with its escapes decoded, and so on until none is left. */
function layersOf(text: string): readonly string[] {
  const layers = [text];
  for (let last = text; layers.length <= MAX_LAYERS; ) {
    const decoded = last.replace(ESCAPE, decodeEscape);
    if (decoded === last) break;
    layers.push(decoded);
    last = decoded;
  }
  return layers;
}

/** Returns where each character of the last layer, and its end, is in the first. */
function startsOf(layers: readonly string[]): readonly number[] {
  let starts = Array.from({ length: (layers[0] ?? "").length + 1 }, (_, at) => at);
  for (const layer of layers.slice(0, -1)) {
    const next: number[] = [];
    let at = 0;
    for (const { 0: spelled, index } of layer.matchAll(ESCAPE)) {
      while (at < index) next.push(starts[at++] ?? 0);
      for (let left = decodeEscape(spelled).length; left > 0; left--) next.push(starts[at] ?? 0);
      at += spelled.length;
    }
    starts = next.concat(starts.slice(at));
  }
  return starts;
}

/** Each layer of JSON doubles the backslashes, so a row of them is one. */
const ESCAPE =
  /\\+(?:ud[89ab][\da-f]{2}\\+ud[c-f][\da-f]{2}|u[\da-f]{4}|x[\da-f]{2}|[^\\]?)|%[\da-f]{2}|&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]{2,6}\d{0,2});/gi;

function decodeEscape(spelled: string): string {
  if (spelled.startsWith("%")) return unitOf(spelled.slice(1));
  if (spelled.startsWith("&")) return decodeEntity(spelled.slice(1, -1)) ?? spelled;
  const escaped = spelled.slice(spelled.search(/[^\\]|$/));
  if (escaped.length < 2) return CONTROLS.get(escaped) ?? escaped;
  const unit = unitOf(escaped.slice(1, 5));
  if (/^x/i.test(escaped)) return unit;
  return bytesOf(escaped.length > 5 ? unit + unitOf(escaped.slice(-4)) : unit);
}

/** JSON's letters for them. */
const CONTROLS = new Map(["b\b", "f\f", "n\n", "r\r", "t\t"].map((control) => [control.slice(0, 1), control.slice(1)]));

function unitOf(hexDigits: string): string {
  return String.fromCharCode(Number.parseInt(hexDigits, 16));
}

/** HTML's names for the characters of Latin-1 from U+00A0 on, in their order. */
const LATIN_1 = `nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro
   para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH
   Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig
   ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml
   yacute thorn yuml`;

/** HTML's names for the punctuation of ASCII, each with its character. */
const PUNCTUATION = `excl! quot" num# dollar$ percnt% amp& apos' lpar( rpar) ast* midast* plus+ comma, period. sol/ colon: semi; lt< equals= gt> quest?
   commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] hat^ lowbar_ grave\` lcub{ lbrace{ verbar| vert| rcub} rbrace}`;

/** `entities` is null until one is decoded, as every command loads this file. */
let entities: ReadonlyMap<string, string> | null = null;

function readEntities(): ReadonlyMap<string, string> {
  return new Map([
    ...PUNCTUATION.split(/\s+/).map((entity) => [entity.slice(0, -1), entity.slice(-1)] as const),
    ...LATIN_1.split(/\s+/).map((name, at) => [name, bytesOf(String.fromCharCode(0xa0 + at))] as const),
  ]);
}

function decodeEntity(name: string): string | undefined {
  entities ??= readEntities();
  if (!name.startsWith("#")) return entities.get(name) ?? entities.get(name.toLowerCase());
  const code = Number(name.toLowerCase().replace("#x", "0x").replace("#", ""));
  return code > 0x10ffff ? undefined : bytesOf(String.fromCodePoint(code));
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Programs that write \xe4 or %E4 for ä write UTF-8, or an escape of it, for what Latin-1 doesn't have. */
function inLatin1(text: string): string {
  return text.replace(/[^\0-\xff]+/g, bytesOf);
}
