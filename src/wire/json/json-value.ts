/** Reading untrusted JSON: a value of the wrong type reads as empty and never throws. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** An array unchanged; a single object as a list of one; otherwise an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? [value] : [];
}

/** A string, number or boolean as text; otherwise "". */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** The text of the first of these fields that isn't empty. */
export function firstText(object: JsonObject, ...names: readonly string[]): string {
  for (const name of names) {
    const text = textOf(object[name]);
    if (text !== "") return text;
  }
  return "";
}

/** A whole number, 0 or more, also as a string; otherwise null. */
export function countOf(value: unknown): number | null {
  const text = textOf(value).trim();
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** True for `true` and for "true", "enabled", "yes" and "on" in any letter case; otherwise false. */
export function flagOf(value: unknown): boolean {
  return /^(?:true|enabled|yes|on)$/i.test(textOf(value).trim());
}
