/** The form of a callback shows and sends these fields, all but its key, and finds what another user changed meanwhile. */
import type { CallbackSettings } from "../../domain/callback.js";
import { type ErrorCode, isWhcbError } from "../../domain/errors.js";
import { isMasked, shownUrl } from "../../domain/mask.js";
import { formProblem } from "./page.js";

/** The fields are named by their path in the API's document, and have the screen's order, those of ours last. */
export const LABELS = {
  name: "Callback name",
  url: "Destination URL",
  contentType: "Expected content type",
  "callbacks.reply": "Invoke a callback for each message reply",
  "callbacks.undeliverable": "Invoke a callback for each undeliverable message",
  "auth.type": "Auth type",
  removeHTML: "Rich content responses",
  retriesEnabled: "Retries",
  email: "Notification e-mail",
  signing: "Signed deliveries",
} as const;

export const KEY_LABEL = "Auth parameter";

export type FieldName = keyof typeof LABELS;

/** Values are those of the API's document. "none" as `auth.type` means that no credential is sent. */
export type CallbackFields = Readonly<Record<FieldName, string>>;

/** Problems are kept by field, with "auth.key". */
export type Problems = ReadonlyMap<string, string>;

const NAMES = Object.keys(LABELS) as FieldName[];

export const NEW_FIELDS: CallbackFields = {
  name: "",
  url: "",
  contentType: "json",
  "callbacks.reply": "enabled",
  "callbacks.undeliverable": "enabled",
  "auth.type": "httpheader",
  removeHTML: "disabled",
  signing: "disabled",
  retriesEnabled: "false",
  email: "",
};

/** The URL is shown without its secrets. `readSettings` takes that for the stored URL. */
export function fieldsOf(stored: CallbackSettings): CallbackFields {
  const { auth, events, ...settings } = stored;
  return {
    name: settings.name,
    url: shownUrl(stored),
    contentType: settings.contentType,
    "callbacks.reply": enabledOrDisabled(events.reply),
    "callbacks.undeliverable": enabledOrDisabled(events.undeliverable),
    "auth.type": auth.key === "" ? "none" : auth.type,
    removeHTML: enabledOrDisabled(settings.removeHtml),
    signing: settings.signing,
    retriesEnabled: String(settings.retriesEnabled),
    email: settings.email,
  };
}

export function readFields(form: URLSearchParams): CallbackFields {
  const text = (name: FieldName) => (form.get(name) ?? "").trim();
  const checked = (name: FieldName) => enabledOrDisabled(form.has(name));
  return {
    name: text("name"),
    url: text("url"),
    contentType: text("contentType"),
    "callbacks.reply": checked("callbacks.reply"),
    "callbacks.undeliverable": checked("callbacks.undeliverable"),
    "auth.type": text("auth.type"),
    removeHTML: text("removeHTML"),
    signing: text("signing"),
    retriesEnabled: text("retriesEnabled"),
    email: text("email"),
  };
}

function enabledOrDisabled(isEnabled: boolean): "enabled" | "disabled" {
  return isEnabled ? "enabled" : "disabled";
}

export type ReadSettings =
  | { readonly kind: "valid"; readonly settings: CallbackSettings }
  | { readonly kind: "invalid"; readonly problems: Problems };

/** `parse` is the API's. An empty `key` keeps the stored one, for the stored URL. */
export function readSettings(
  fields: CallbackFields,
  key: string,
  stored: CallbackSettings | null,
  parse: (document: unknown, stored: CallbackSettings | null) => CallbackSettings,
): ReadSettings {
  const keyProblem = findKeyProblem(fields, key, stored);
  const own: Problems = new Map(keyProblem === null ? [] : [["auth.key", keyProblem]]);
  try {
    const settings = parse(documentOf(fields, key, stored), stored);
    return own.size === 0 ? { kind: "valid", settings } : { kind: "invalid", problems: own };
  } catch (error) {
    return { kind: "invalid", problems: new Map([...problemsOf(error), ...own]) };
  }
}

function findKeyProblem(fields: CallbackFields, key: string, stored: CallbackSettings | null): string | null {
  if (fields["auth.type"] === "none") return key === "" ? null : "isn't sent with the auth type None: choose another one";
  if (key !== "") return null;
  if (!stored?.auth.key) return "is required, unless the auth type is None";
  // The user doesn't know the stored key, and could read it there. What is masked in a URL would tell whether a guess in it is the key.
  if (fields.url !== shownUrl(stored)) return "has to be typed again for another URL";
  // The end of another type's key is shown.
  return stored.auth.type === "basicauth" && fields["auth.type"] !== "basicauth"
    ? "has to be typed again for another auth type"
    : null;
}

function documentOf(fields: CallbackFields, key: string, stored: CallbackSettings | null): Record<string, unknown> {
  const type = fields["auth.type"];
  // A stored callback keeps its type.
  const none = stored === null ? { type: NEW_FIELDS["auth.type"], key: "" } : { key: "" };
  return {
    ...fields,
    ...(stored !== null && fields.url === shownUrl(stored) && { url: stored.url }),
    callbacks: { reply: fields["callbacks.reply"], undeliverable: fields["callbacks.undeliverable"] },
    auth: type === "none" ? none : { type, ...(key !== "" && { key }) },
  };
}

const FIELD_OF: Readonly<Partial<Record<ErrorCode, FieldName>>> = {
  "duplicate-name": "name",
  "address-refused": "url",
  "endpoint-check-failed": "url",
};

/** Throws the error again if no field is to blame. */
export function problemsOf(error: unknown): Problems {
  if (!isWhcbError(error)) throw error;
  if (error.fields.size > 0) return error.fields;
  const field = FIELD_OF[error.code];
  if (field === undefined) throw error;
  return new Map([[field, formProblem(error)]]);
}

/** An edit form was loaded with these values. */
export interface LoadedForm {
  readonly fields: CallbackFields;
  /** It differs after each change of the URL, the key or its type (`targetMarkOf`). */
  readonly targetMark: string;
}

export interface ForeignChange {
  readonly label: string;
  /** It is a text for the key, or a secret in the URL, which aren't shown. */
  readonly values: { readonly before: string; readonly after: string } | string;
}

export interface Conflict {
  readonly changes: readonly ForeignChange[];
  /** The fields are as typed, with the other user's changes where nothing was typed. */
  readonly merged: CallbackFields;
  /** Both changed these fields, to different values. */
  readonly problems: Problems;
}

/** Returns null if nobody has changed the callback since. */
export function findConflict(loaded: LoadedForm, typed: CallbackFields, stored: LoadedForm): Conflict | null {
  const isTargetChanged = loaded.targetMark !== stored.targetMark;
  const mayHaveOtherSecret = isTargetChanged && isMasked(stored.fields.url);
  const changed = NAMES.filter((name) => loaded.fields[name] !== stored.fields[name] || (name === "url" && mayHaveOtherSecret));
  if (changed.length === 0 && !isTargetChanged) return null;
  const isTouched = (name: FieldName) => typed[name] !== loaded.fields[name];
  const untouched = changed.filter((name) => !isTouched(name));
  const disputed = changed.filter((name) => isTouched(name) && typed[name] !== stored.fields[name]);
  const changes = changed.map((name): ForeignChange => {
    const [before, after] = [shownValue(name, loaded.fields[name]), shownValue(name, stored.fields[name])];
    return { label: LABELS[name], values: before === after ? "perhaps another secret" : { before, after } };
  });
  const key = {
    label: KEY_LABEL,
    values: changed.includes("url") || changed.includes("auth.type") ? "perhaps another key" : "another key",
  };
  return {
    changes: isTargetChanged ? [...changes, key] : changes,
    merged: { ...typed, ...Object.fromEntries(untouched.map((name) => [name, stored.fields[name]])) },
    problems: new Map(disputed.map((name) => [name, `was changed to “${shownValue(name, stored.fields[name])}” meanwhile`])),
  };
}

const SHOWN: Readonly<Partial<Record<FieldName, Readonly<Record<string, string>>>>> = {
  contentType: { json: "JSON", xml: "XML" },
  removeHTML: { enabled: "strip HTML", disabled: "retain HTML" },
  signing: { enabled: "signed", new: "signed, with a new secret", disabled: "not signed" },
  retriesEnabled: { true: "enabled", false: "disabled" },
  "auth.type": {
    httpheader: "HTTP header",
    queryparam: "Query string",
    basicauth: "Basic",
    bearertoken: "Bearer token",
    none: "None",
  },
};

export function shownValue(name: FieldName, value: string): string {
  return SHOWN[name]?.[value] ?? value;
}

/** Throws nothing: a field that is missing or made up counts as changed. */
export function readLoaded(form: URLSearchParams): LoadedForm {
  const loaded = new URLSearchParams(form.get("loaded") ?? "");
  const fields = Object.fromEntries(NAMES.map((name) => [name, loaded.get(name) ?? ""])) as Record<FieldName, string>;
  return { fields, targetMark: form.get("targetMark") ?? "" };
}

export function writeLoaded({ fields }: LoadedForm): string {
  return new URLSearchParams(fields).toString();
}
