/** A value of the wrong type reads as empty and never throws. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Makes a list of a single object. Any other value becomes an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? [value] : [];
}

/** Returns a number or boolean as text; any other value becomes "". */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** Makes an object of any names, even `__proto__`. Object.fromEntries takes ten times as long for a thousand names that are new to V8. */
export function textsByName(entries: Iterable<readonly [string, string]>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const [name, text] of entries) texts[name] = text;
  return texts;
}

export function firstText(object: JsonObject, ...names: readonly string[]): string {
  for (const name of names) {
    const text = textOf(object[name]);
    if (text !== "") return text;
  }
  return "";
}

/** Reads a whole number >= 0, even if it is a string; otherwise returns null. */
export function countOf(value: unknown): number | null {
  const text = textOf(value).trim();
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Returns true for "true", "enabled", "yes" and "on", in any case. */
export function flagOf(value: unknown): boolean {
  return /^(?:true|enabled|yes|on)$/i.test(textOf(value).trim());
}

type WithoutUndefined<Values> = { readonly [Name in keyof Values]?: Exclude<Values[Name], undefined> };

export function withoutUndefined<Values extends object>(values: Values): WithoutUndefined<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as WithoutUndefined<Values>;
}
