/** The platform's answers in test/fixtures/platform, each with the address of the document it was taken from, and how they are filled in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Two sets of documents describe the platform and differ in details; ids, dates and links follow one or the other. */
export type Edition = "guide" | "openapi";

export type Values = Readonly<Record<string, string | number | boolean>>;

const FOLDER = join(import.meta.dirname, "..", "..", "fixtures", "platform");

/** Reads the `answer` of a JSON file. */
export function recordedJson(file: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, `${file}.json`), "utf8")).answer;
}

/** Reads an XML file without the comment that names its source. */
export function recordedXml(file: string): string {
  return readFileSync(join(FOLDER, `${file}.xml`), "utf8").replace(/^<!--.*?-->\n/s, "");
}

/** Replaces each {{name}}. A string that is nothing else takes the value's type. */
export function fillJson(template: unknown, values: Values): unknown {
  if (typeof template === "string") {
    const whole = /^\{\{(\w+)\}\}$/.exec(template)?.[1];
    return whole === undefined ? fill(template, values, String) : valueFor(whole, values);
  }
  if (Array.isArray(template)) return template.map((item) => fillJson(item, values));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillJson(value, values)]));
}

export function fillXml(template: string, values: Values): string {
  return fill(template, values, (value) =>
    String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  );
}

function fill(text: string, values: Values, write: (value: string | number | boolean) => string): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => write(valueFor(name, values)));
}

function valueFor(name: string, values: Values): string | number | boolean {
  const value = values[name];
  if (value === undefined) throw new Error(`no value for {{${name}}}`);
  return value;
}
