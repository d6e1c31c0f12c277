/** The settings of a callback, checked, from the body of a create or an update. */
import type { AuthType, CallbackSettings } from "../../domain/callback.js";
import { type CallbackBody, CallbackSchema, checkerOf, invalidFields } from "./request-schemas.js";

const checkBody = checkerOf(CallbackSchema);

/** ASCII that a header may contain: delivery would fail on anything else. */
const HEADER_SAFE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Control characters, and half a surrogate pair. */
const CONTROL = /[\p{Cc}\p{Surrogate}]/u;

/** `storedKey`: kept if an update has no key; null for a create. Throws `invalid`, which names every field that is missing or out of range. */
export function parseCallback(value: unknown, storedKey: string | null): CallbackSettings {
  const body = checkBody(value);
  const key = body.auth.key ?? storedKey;
  const type = body.auth.type === "querystring" ? "queryparam" : body.auth.type;
  const problems = new Map<string, string>();
  const note = (field: string, problem: string | null): void => void (problem !== null && problems.set(field, problem));
  note("name", nameProblem(body.name));
  note("url", urlProblem(body.url));
  note("auth.key", key === null || key === "" ? "is required" : keyProblem(type, key));
  note("email", emailProblem(body.email));
  if (problems.size > 0 || key === null) throw invalidFields(problems);
  return settingsOf(body, { type, key });
}

function settingsOf(body: CallbackBody, auth: CallbackSettings["auth"]): CallbackSettings {
  return {
    name: body.name,
    url: body.url,
    auth,
    contentType: body.contentType,
    removeHtml: body.removeHTML === "enabled",
    retriesEnabled: body.retriesEnabled === true || body.retriesEnabled === "true",
    email: body.email,
    events: { reply: body.callbacks.reply === "enabled", undeliverable: body.callbacks.undeliverable === "enabled" },
  };
}

function nameProblem(name: string): string | null {
  if (CONTROL.test(name)) return "must not contain control characters";
  if (name.trim() !== name) return "must not begin or end with a space";
  // Clients normalise these away in a path.
  return name === "." || name === ".." ? "must not be . or .." : null;
}

function urlProblem(url: string): string | null {
  if (!/^https?:\/\//i.test(url) || /[\s\p{Cc}]/u.test(url) || !URL.canParse(url)) return "must be an http or https URL";
  const { username, password } = new URL(url);
  return username || password ? "must not contain a user or password: use auth" : null;
}

function keyProblem(type: AuthType, key: string): string | null {
  if (type === "queryparam") return CONTROL.test(key) ? "must not contain control characters" : null;
  return HEADER_SAFE.test(key) ? null : "must be printable ASCII, because it is sent in a header";
}

function emailProblem(email: string): string | null {
  return /^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(email) ? null : "must be one e-mail address";
}
