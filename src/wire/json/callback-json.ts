/** A callback as JSON, written and read (docs/contract.md, Callbacks). */
import type { AuthType, Callback, CallbackSettings } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Link } from "../links.js";
import { firstText, flagOf, type JsonObject, objectOf, textOf } from "./json-value.js";
import { readList } from "./list-json.js";

/** The body of a create or an update. A key of "" is left out: a PUT without a key keeps the stored one. */
export function settingsToJson(settings: CallbackSettings): Record<string, unknown> {
  const { auth } = settings;
  return {
    name: settings.name,
    url: settings.url,
    auth: auth.key === "" ? { type: auth.type } : { type: auth.type, key: auth.key },
    contentType: settings.contentType,
    removeHTML: settings.removeHtml ? "enabled" : "disabled",
    retriesEnabled: settings.retriesEnabled,
    email: settings.email,
    callbacks: {
      reply: settings.events.reply ? "enabled" : "disabled",
      undeliverable: settings.events.undeliverable ? "enabled" : "disabled",
    },
  };
}

/** What the service returns. The key isn't masked, as on the platform. */
export function callbackToJson(
  callback: Pick<Callback, "id"> & CallbackSettings,
  link: readonly Link[],
): Record<string, unknown> {
  return { id: callback.id, ...settingsToJson(callback), link };
}

/** `auth.key` is "" if the service doesn't return it. */
export type ListedCallback = Omit<Callback, "createdAt" | "repairedAt">;

/** Reads a callback that a service returned. Throws `unavailable` if it has neither an id nor a name. */
export function readCallback(value: unknown): ListedCallback {
  const callback = objectOf(value);
  const id = textOf(callback.id);
  const name = textOf(callback.name);
  if (id === "" && name === "") throw new WhcbError("unavailable", "the service returned a callback without an id");
  return {
    id: id || readIdFromLink(callback) || name,
    name,
    url: textOf(callback.url),
    auth: { type: readAuthType(objectOf(callback.auth).type) ?? "httpheader", key: textOf(objectOf(callback.auth).key) },
    contentType: /xml/i.test(textOf(callback.contentType)) ? "xml" : "json",
    removeHtml: flagOf(callback.removeHTML ?? callback.removeHtml),
    retriesEnabled: flagOf(callback.retriesEnabled),
    email: textOf(callback.email),
    events: {
      reply: flagOf(objectOf(callback.callbacks).reply),
      undeliverable: flagOf(objectOf(callback.callbacks).undeliverable),
    },
  };
}

export interface ReadCallbackList {
  readonly callbacks: readonly ListedCallback[];
  readonly total: number | null;
  /** URI of the next page; null on the last. */
  readonly next: string | null;
}

export function readCallbackList(document: unknown): ReadCallbackList {
  const { items, total, next } = readList("callbacks", document);
  return { callbacks: items.map(readCallback), total, next };
}

/** Accepts both spellings of `queryparam`, in any letter case; null if it isn't an auth type. */
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

/** Some services answer a create with links only: then the id is the last part of the path of `self`. */
function readIdFromLink({ link }: JsonObject): string {
  const links = Array.isArray(link) ? link.map(objectOf) : [];
  const self = links.find(({ rel }) => rel === "self");
  return self === undefined ? "" : (/\/callbacks\/([^/?#]+)/.exec(firstText(self, "uri"))?.[1] ?? "");
}
