/** `--json FIELDS` prints JSON with only these members. */
import { requireOneOf } from "./closest-match.js";
import type { Flag } from "./flag.js";

/** `JsonFields` maps each member of a document to its meaning. */
export type JsonFields = Readonly<Record<string, string>>;

export interface JsonFlag extends Flag<readonly string[] | undefined> {
  readonly fields: JsonFields;
}

export function jsonFlag(fields: JsonFields): JsonFlag {
  const names = Object.keys(fields);
  return {
    syntax: "--json [fields]",
    summary: "JSON with only these fields, comma-separated; without a value it lists the fields",
    textIfBare: `${names.join("\n")}\n`,
    fields,
    read: (raw) => (typeof raw === "string" ? readFieldNames(raw, names) : undefined),
  };
}

export function isJsonFlag(flag: Flag<unknown>): flag is JsonFlag {
  return "fields" in flag;
}

function readFieldNames(text: string, names: readonly string[]): readonly string[] {
  const given = text.split(",").map((name) => name.trim());
  return given.map((name) => requireOneOf(name, names, `--json: no field ${JSON.stringify(name)}`));
}
