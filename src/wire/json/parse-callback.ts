import {
  type CallbackSettings,
  callbackNameProblem,
  callbackUrlProblem,
  isEmailAddress,
  type Pause,
} from "../../domain/callback.js";
import { isWhcbError } from "../../domain/errors.js";
import { settingsToJson } from "./callback-json.js";
import { isObject, objectOf } from "./json-value.js";
import {
  type CallbackBody,
  CallbackSchema,
  checkerOf,
  invalidFields,
  PauseSchema,
  requireKnownMembers,
} from "./request-schemas.js";

const checkBody = checkerOf(CallbackSchema);
const checkPause = checkerOf(PauseSchema);

/** A header may contain only these characters: delivery fails on any other. */
const HEADER_SAFE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const CONTROL = /[\p{Cc}\p{Surrogate}]/u;

/** `stored` is null for a create. Throws `invalid`, which names every wrong field. */
export function parseCallback(value: unknown, stored: CallbackSettings | null): CallbackSettings {
  const document = stored === null ? value : mergeSettings(stored, value);
  const checked = checkCallback(document);
  const problems = new Map(checked.problems);
  const note = (field: string, text: unknown, findProblem: (text: string) => string | null): void => {
    const problem = typeof text === "string" && !problems.has(field) ? findProblem(text) : null;
    if (problem !== null) problems.set(field, problem);
  };
  const { name, url, email, auth } = objectOf(document);
  const { type, key } = objectOf(auth);
  // A stored value may be older than a rule.
  note("name", name, (text) => (text === stored?.name ? null : callbackNameProblem(text)));
  note("url", url, (text) => (text === stored?.url ? null : callbackUrlProblem(text)));
  note("auth.key", key, (text) => (text === "" ? null : keyProblem(type, text)));
  note("email", email, (text) => (isEmailAddress(text) ? null : "must be one e-mail address"));
  if (checked.body === null || problems.size > 0) throw invalidFields(problems);
  return settingsOf(checked.body);
}

/** The body may be left out. Another member is an error, as a misspelled duration would be a pause without an end. Throws `invalid`. */
export function parsePause(value: unknown, now: number): Omit<Pause, "by"> {
  const body = value ?? {};
  const { durationMs } = checkPause(body);
  requireKnownMembers(body, PauseSchema, "isn't a member of a pause");
  return { at: now, until: durationMs === undefined ? null : now + durationMs };
}

/** Checks the schema. Throws `malformed`. */
function checkCallback(document: unknown): {
  readonly body: CallbackBody | null;
  readonly problems: ReadonlyMap<string, string>;
} {
  try {
    return { body: checkBody(document), problems: new Map() };
  } catch (error) {
    if (!isWhcbError(error, "invalid")) throw error;
    return { body: null, problems: error.fields };
  }
}

function mergeSettings(stored: CallbackSettings, value: unknown): unknown {
  if (!isObject(value)) return value;
  const { auth, callbacks, ...kept } = settingsToJson(stored);
  const mergeObject = (before: unknown, after: unknown): unknown =>
    after === undefined ? before : isObject(after) ? { ...objectOf(before), ...after } : after;
  return { ...kept, ...value, auth: mergeObject(auth, value.auth), callbacks: mergeObject(callbacks, value.callbacks) };
}

function settingsOf(body: CallbackBody): CallbackSettings {
  const { type, key = "" } = body.auth;
  return {
    name: body.name,
    url: body.url,
    auth: { type: type === "querystring" ? "queryparam" : type, key },
    contentType: body.contentType,
    removeHtml: body.removeHTML === "enabled",
    retriesEnabled: body.retriesEnabled === true || body.retriesEnabled === "true",
    email: body.email,
    events: { reply: body.callbacks?.reply === "enabled", undeliverable: body.callbacks?.undeliverable === "enabled" },
    signing: body.signing ?? "disabled",
  };
}

function keyProblem(type: unknown, key: string): string | null {
  if (type === "queryparam" || type === "querystring") return CONTROL.test(key) ? "must not contain control characters" : null;
  return HEADER_SAFE.test(key) ? null : "must be printable ASCII, because it is sent in a header";
}
