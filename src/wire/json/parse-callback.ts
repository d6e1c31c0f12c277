import {
  type AuthType,
  type CallbackSettings,
  callbackNameProblem,
  callbackUrlProblem,
  isEmailAddress,
} from "../../domain/callback.js";
import { settingsToJson } from "./callback-json.js";
import { isObject, objectOf } from "./json-value.js";
import { type CallbackBody, CallbackSchema, checkerOf, invalidFields } from "./request-schemas.js";

const checkBody = checkerOf(CallbackSchema);

/** What a header may contain: delivery fails on anything else. */
const HEADER_SAFE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Controls and lone surrogates. */
const CONTROL = /[\p{Cc}\p{Surrogate}]/u;

/** `stored`: null for a create. Throws `invalid`, which names every wrong field. */
export function parseCallback(value: unknown, stored: CallbackSettings | null): CallbackSettings {
  const body = checkBody(stored === null ? value : merged(stored, value));
  const { key = "" } = body.auth;
  const type = body.auth.type === "querystring" ? "queryparam" : body.auth.type;
  const problems = new Map<string, string>();
  const note = (field: string, problem: string | null): void => void (problem !== null && problems.set(field, problem));
  // A stored one may be older than a rule.
  note("name", body.name === stored?.name ? null : callbackNameProblem(body.name));
  note("url", body.url === stored?.url ? null : callbackUrlProblem(body.url));
  note("auth.key", key === "" ? null : keyProblem(type, key));
  note("email", isEmailAddress(body.email) ? null : "must be one e-mail address");
  if (problems.size > 0) throw invalidFields(problems);
  return settingsOf(body, { type, key });
}

function merged(stored: CallbackSettings, value: unknown): unknown {
  if (!isObject(value)) return value;
  const { auth, callbacks, ...kept } = settingsToJson(stored);
  const mergeObject = (before: unknown, after: unknown): unknown =>
    after === undefined ? before : isObject(after) ? { ...objectOf(before), ...after } : after;
  return { ...kept, ...value, auth: mergeObject(auth, value.auth), callbacks: mergeObject(callbacks, value.callbacks) };
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
    events: { reply: body.callbacks?.reply === "enabled", undeliverable: body.callbacks?.undeliverable === "enabled" },
  };
}

function keyProblem(type: AuthType, key: string): string | null {
  if (type === "queryparam") return CONTROL.test(key) ? "must not contain control characters" : null;
  return HEADER_SAFE.test(key) ? null : "must be printable ASCII, because it is sent in a header";
}
