/** Looking into JSON that someone else wrote: a wrong type reads as nothing, never as an exception. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** An array as it is; a single object where a list was meant becomes a list of one; anything else an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? [value] : [];
}

/** Text, or a number or boolean as text; "" for anything else. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** The first of these names that the object has a text for. */
export function firstText(object: JsonObject, ...names: readonly string[]): string {
  for (const name of names) {
    const text = textOf(object[name]);
    if (text !== "") return text;
  }
  return "";
}

/** A whole number of 0 or more, also written as a string; null for anything else. */
export function countOf(value: unknown): number | null {
  const text = textOf(value).trim();
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** `true`, or a string that says so in any case; everything else is false. */
export function flagOf(value: unknown): boolean {
  return /^(?:true|enabled|yes|on)$/i.test(textOf(value).trim());
}
