/** The settings of a callback as a caller sent them, checked. */
import type { AuthType, CallbackSettings } from "../../domain/callback.js";
import { checkerOf, invalidFields } from "./check.js";
import { type CallbackBody, CallbackSchema } from "./schemas.js";

const checkBody = checkerOf(CallbackSchema);

/** What a header may carry, in ASCII: delivery would fail on anything else. */
const HEADER_SAFE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Control characters, and halves of a character. */
const CONTROL = /[\p{Cc}\p{Surrogate}]/u;

/**
 * Reads the body of a create or an update, from JSON or from XML. `storedKey`: the key that an update without one keeps.
 * Throws `invalid` naming every field that is missing or out of range.
 */
export function parseCallback(value: unknown, storedKey: string | null): CallbackSettings {
  const body = checkBody(value);
  const key = body.auth.key ?? storedKey;
  const type = body.auth.type === "querystring" ? "queryparam" : body.auth.type;
  const problems = new Map<string, string>();
  const note = (field: string, problem: string | null): void => void (problem !== null && problems.set(field, problem));
  note("name", nameProblem(body.name));
  note("url", urlProblem(body.url));
  note("auth.key", key === null || key === "" ? "is missing" : keyProblem(type, key));
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

/** "." and ".." can't be said in a path: clients fold them away. */
function nameProblem(name: string): string | null {
  if (name.trim() !== name || name === "" || CONTROL.test(name))
    return "must have no control characters and no space at its ends";
  return name === "." || name === ".." ? "can't be . or .." : null;
}

function urlProblem(url: string): string | null {
  if (!/^https?:\/\//i.test(url) || /[\s\p{Cc}]/u.test(url) || !URL.canParse(url)) return "must be an http or https URL";
  const { username, password } = new URL(url);
  return username || password ? "must not hold a user or password: use auth" : null;
}

function keyProblem(type: AuthType, key: string): string | null {
  if (type === "queryparam") return CONTROL.test(key) ? "must have no control characters" : null;
  return HEADER_SAFE.test(key) ? null : "must be printable ASCII to be sent as a header";
}

function emailProblem(email: string): string | null {
  return /^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(email) ? null : "must be one e-mail address";
}
