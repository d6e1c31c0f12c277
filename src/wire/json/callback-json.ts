/** The documents are those of docs/contract.md, Callbacks. */
import type { AuthType, BodyFormat, BodyStyle, Callback, CallbackSettings, Pause, Signing } from "../../domain/callback.js";
import { HEALTH_NAMES, type Health } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { isMasked } from "../../domain/mask.js";
import { dateOrNull, readDate, toIsoDate } from "../dates.js";
import type { Link } from "../links.js";
import { firstText, flagOf, type JsonObject, objectOf, textOf, withoutUndefined } from "./json-value.js";
import { type ListPage, readList } from "./list-json.js";

/** An empty key is left out, as a PUT without one keeps the stored key. The platform has no `signing`. */
export function settingsToJson(settings: CallbackSettings): Record<string, unknown> {
  const { auth } = settings;
  return {
    name: settings.name,
    url: settings.url,
    auth: auth.key === "" ? { type: auth.type } : { type: auth.type, key: auth.key },
    contentType: settings.contentType,
    removeHTML: enabledOrDisabled(settings.removeHtml),
    retriesEnabled: settings.retriesEnabled,
    email: settings.email,
    callbacks: {
      reply: enabledOrDisabled(settings.events.reply),
      undeliverable: enabledOrDisabled(settings.events.undeliverable),
    },
    ...(settings.signing !== "disabled" && { signing: settings.signing }),
  };
}

function enabledOrDisabled(isEnabled: boolean | undefined): "enabled" | "disabled" | undefined {
  if (isEnabled === undefined) return undefined;
  return isEnabled ? "enabled" : "disabled";
}

/** Only our service says these of an endpoint. */
interface EndpointReport extends Health {
  readonly downSince: number | null;
  /** The oldest PENDING call was accepted then. */
  readonly waitingSince: number | null;
  readonly waitingCalls: number;
  readonly expiredCalls: number;
  /** It isn't over. */
  readonly pause: Pause | null;
  /** Says why nothing can be sent to the endpoint, if that is known. */
  readonly sendingFailure: string | null;
}

interface ShownCallback {
  readonly report?: EndpointReport | undefined;
  /** A secret that was just made is shown once. */
  readonly madeSecret?: string | undefined;
}

/** The key isn't masked, as on the platform. */
export function callbackToJson(
  callback: Callback,
  link: readonly Link[],
  { report, madeSecret }: ShownCallback = {},
): Record<string, unknown> {
  const { id, auth } = callback;
  return {
    id,
    ...settingsToJson(callback),
    auth: { type: auth.type, key: auth.key },
    ...(madeSecret !== undefined && { signingSecret: madeSecret }),
    ...(report !== undefined && reportToJson(report)),
    link,
  };
}

function reportToJson(report: EndpointReport): Record<string, unknown> {
  const { health, since, downSince, waitingSince, waitingCalls, expiredCalls, pause, sendingFailure } = report;
  return {
    state: health,
    ...(since !== null && { stateSince: toIsoDate(since) }),
    ...(pause !== null && pause.until !== null && { pausedUntil: toIsoDate(pause.until) }),
    ...(pause !== null && pause.by !== null && { pausedBy: pause.by }),
    ...(downSince !== null && { downSince: toIsoDate(downSince) }),
    ...(sendingFailure !== null && { sending: sendingWaits(sendingFailure) }),
    waitingSince: dateOrNull(waitingSince),
    ...(waitingCalls > 0 && { waitingCalls }),
    ...(expiredCalls > 0 && { expiredCalls }),
  };
}

/** It is also in the answer of /readyz. */
export function sendingWaits(failure: string): string {
  return `waits: ${failure}`;
}

export const NO_SENDER = "no process that sends calls is known to run";

/** What the service doesn't return is null. List items may hold only id, name and url. */
export interface ListedCallback {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly auth: {
    readonly type: AuthType | null;
    /** If it is "", no credential is sent. */
    readonly key: string | null;
  };
  readonly contentType: BodyFormat | null;
  readonly removeHtml: boolean | null;
  readonly retriesEnabled: boolean | null;
  readonly email: string | null;
  readonly events: { readonly reply: boolean | null; readonly undeliverable: boolean | null };
  readonly isSigned: boolean;
  /** It is null unless the service has just made it. */
  readonly signingSecret: string | null;
  readonly downSince: number | null;
  /** The oldest PENDING call was accepted then. It is null without one, and undefined if the service doesn't say. */
  readonly waitingSince: number | null | undefined;
  /** So many calls are PENDING. It is null if there are none, or the service doesn't say. */
  readonly waitingCalls: number | null;
  /** "waits: " and why nothing can be sent. It is null if that isn't so, or the service doesn't say. */
  readonly sending: string | null;
  /** So many FAILED calls aren't retried any more. It is null if there are none, or the service doesn't say. */
  readonly expiredCalls: number | null;
  /** `health` is null if the service doesn't say, or has a state that this version doesn't know. */
  readonly health: Health | null;
  /** It is null unless `health` is paused. */
  readonly pause: Omit<Pause, "at"> | null;
  /** The callback is kept as it was received, with unknown members. */
  readonly raw: JsonObject;
}

/** Throws `unavailable` if it has neither an id nor a name. */
export function readCallback(value: unknown): ListedCallback {
  const callback = objectOf(value);
  const id = textOf(callback.id);
  const name = textOf(callback.name);
  if (id === "" && name === "") throw new WhcbError("unavailable", "the service returned a callback without an id");
  return {
    id: id || readIdFromLink(callback) || name,
    name,
    url: textOf(callback.url),
    auth: { type: readAuthType(objectOf(callback.auth).type), key: keyOrNull(objectOf(callback.auth).key) },
    contentType: readBodyFormat(callback.contentType),
    removeHtml: flagOrNull(callback.removeHTML ?? callback.removeHtml),
    retriesEnabled: flagOrNull(callback.retriesEnabled),
    email: textOrNull(callback.email),
    events: {
      reply: flagOrNull(objectOf(callback.callbacks).reply),
      undeliverable: flagOrNull(objectOf(callback.callbacks).undeliverable),
    },
    isSigned: flagOf(callback.signing),
    signingSecret: textOf(callback.signingSecret) || null,
    downSince: readDate(callback.downSince),
    waitingSince: callback.waitingSince === undefined ? undefined : readDate(callback.waitingSince),
    waitingCalls: numberOrNull(callback.waitingCalls),
    sending: textOrNull(callback.sending),
    expiredCalls: numberOrNull(callback.expiredCalls),
    health: readHealth(callback),
    pause: callback.state === "paused" ? { until: readDate(callback.pausedUntil), by: textOrNull(callback.pausedBy) } : null,
    raw: callback,
  };
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function readHealth({ state, stateSince }: JsonObject): Health | null {
  const health = HEALTH_NAMES.find((name) => name === state);
  return health === undefined ? null : { health, since: readDate(stateSince) };
}

/** Returns null for a key that isn't returned, or is masked. */
function keyOrNull(value: unknown): string | null {
  return typeof value === "string" && !isMaskedKey(value) ? value : null;
}

/** In a literal, such classes would be built whenever the file is loaded (docs/adr/0007). */
const LETTER_OR_DIGIT = "\\p{L}\\p{N}";

/** Services write a key that they don't show in many ways; "" says that there is none. */
function isMaskedKey(key: string): boolean {
  if (key === "") return false;
  const hasLetterOrDigit = /[a-z\d]/i.test(key) || new RegExp(`[${LETTER_OR_DIGIT}]`, "u").test(key);
  return isMasked(key) || !hasLetterOrDigit || /^((.)\2{2,}|\[.*\]|\(.*\)|<.*>|null)$/isu.test(key);
}

function textOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : textOf(value);
}

function flagOrNull(value: unknown): boolean | null {
  return textOf(value) === "" ? null : flagOf(value);
}

function readBodyFormat(value: unknown): BodyFormat | null {
  const text = textOf(value);
  return /xml/i.test(text) ? "xml" : /json/i.test(text) ? "json" : null;
}

/** An undefined member keeps the stored value. */
export interface CallbackChanges {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly email?: string | undefined;
  readonly contentType?: BodyFormat | undefined;
  readonly removeHtml?: boolean | undefined;
  readonly retriesEnabled?: boolean | undefined;
  readonly authType?: AuthType | undefined;
  readonly key?: string | undefined;
  readonly reply?: boolean | undefined;
  readonly undeliverable?: boolean | undefined;
  readonly signing?: Signing | undefined;
}

/** Returns all members as read, except `id` and `link`, with the changes; a made-up value would overwrite the stored one. */
export function changeCallbackJson(raw: JsonObject, changes: CallbackChanges): JsonObject {
  const { id: _id, link: _link, ...body } = withoutMasked(raw);
  const { name, url, email, contentType, retriesEnabled, removeHtml, authType, key, reply, undeliverable, signing } = changes;
  const auth = withoutUndefined({ type: authType, key });
  const callbacks = withoutUndefined({ reply: enabledOrDisabled(reply), undeliverable: enabledOrDisabled(undeliverable) });
  return {
    ...body,
    ...withoutUndefined({ name, url, email, contentType, retriesEnabled, signing }),
    ...withoutUndefined({ ["removeHtml" in body ? "removeHtml" : "removeHTML"]: enabledOrDisabled(removeHtml) }),
    ...(Object.keys(auth).length > 0 && { auth: { ...objectOf(body.auth), ...auth } }),
    ...(Object.keys(callbacks).length > 0 && { callbacks: { ...objectOf(body.callbacks), ...callbacks } }),
  };
}

/** A masked key or URL would replace the stored one. */
function withoutMasked({ auth, url, ...rest }: JsonObject): JsonObject {
  const { key, ...type } = objectOf(auth);
  const isKept = key === undefined || key === null || keyOrNull(key) !== null;
  const kept = isKept ? auth : type;
  return { ...rest, ...(auth !== undefined && { auth: kept }), ...(!isMasked(textOf(url)) && withoutUndefined({ url })) };
}

/** The platform rejects a PUT without these. */
const REQUIRED_MEMBERS = ["name", "url", "email", "contentType", "auth.type"] as const;
export type RequiredMember = (typeof REQUIRED_MEMBERS)[number];

export function missingMembers(body: JsonObject): readonly RequiredMember[] {
  return REQUIRED_MEMBERS.filter((member) => textOf(member === "auth.type" ? objectOf(body.auth).type : body[member]) === "");
}

/** A service may not return the content type; then it is `given`. Throws `config` without either, `usage` if they differ. */
export function requireBodyStyle({ contentType, removeHtml, name }: ListedCallback, given: BodyFormat | undefined): BodyStyle {
  const format = contentType ?? given;
  if (format === undefined) throw notReturned("content type", name, "Add `--content-type json` or `--content-type xml`.");
  if (given !== undefined && given !== format) {
    throw new WhcbError("usage", `the content type of ${name} is ${format}, not ${given}: leave out --content-type`);
  }
  return { contentType: format, removeHtml: removeHtml ?? false };
}

/** Throws `config` if the service didn't return the auth type. */
export function requireAuthType({ auth, name }: ListedCallback): AuthType {
  if (auth.type === null) throw notReturned("auth type", name);
  return auth.type;
}

function notReturned(setting: string, name: string, hint?: string): WhcbError {
  const message = `the service doesn't return the ${setting} of ${name}, and nothing is sent without it`;
  return new WhcbError("config", message, hint === undefined ? {} : { hint });
}

export function readCallbackList(document: unknown): ListPage<ListedCallback> {
  const list = readList("callbacks", document);
  return { ...list, items: list.items.map(readCallback) };
}

/** Reads any case. Returns null if it isn't one. */
export function readAuthType(value: unknown): AuthType | null {
  switch (textOf(value).toLowerCase()) {
    case "queryparam":
    case "querystring":
      return "queryparam";
    case "httpheader":
      return "httpheader";
    case "basicauth":
      return "basicauth";
    case "bearertoken":
      return "bearertoken";
    default:
      return null;
  }
}

/** Some services answer a create with links only. */
function readIdFromLink({ link }: JsonObject): string {
  const links = Array.isArray(link) ? link.map(objectOf) : [];
  const self = links.find(({ rel }) => rel === "self");
  return self === undefined ? "" : (/\/callbacks\/([^/?#]+)/.exec(firstText(self, "uri"))?.[1] ?? "");
}
