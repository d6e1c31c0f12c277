/** A value against its schema, with an answer that names each field that is off. */
import type { Static, TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { WhcbError } from "../../domain/errors.js";
import { isObject } from "./json-value.js";

/** Enough to mend a document by; a body of a thousand broken calls isn't answered with a thousand lines. */
const MOST_FIELDS = 20;

/** Compiles a schema once; the check returns the value as it is, or throws `invalid` (`malformed` where it is no object at all). */
export function checkerOf<Schema extends TSchema>(schema: Schema): (value: unknown) => Static<Schema> {
  let compiled: ReturnType<typeof TypeCompiler.Compile<Schema>> | null = null;
  return (value) => {
    compiled ??= TypeCompiler.Compile(schema);
    if (compiled.Check(value)) return value;
    if (!isObject(value)) throw new WhcbError("malformed", "the body must be an object");
    const problems = new Map<string, string>();
    for (const { path, value: found, schema: wanted } of compiled.Errors(value)) {
      const field = path.slice(1).replaceAll("/", ".");
      if (!problems.has(field)) problems.set(field, describe(found, wanted));
      if (problems.size === MOST_FIELDS) break;
    }
    throw invalidFields(problems);
  };
}

/** `invalid`, each field named with what is wrong with it. */
export function invalidFields(problems: ReadonlyMap<string, string>): WhcbError {
  return new WhcbError("invalid", [...problems].map(([field, problem]) => `${field} ${problem}`).join("; "));
}

/** Never repeats what was sent: it may be a secret. */
function describe(found: unknown, { title, type, minLength, maxLength, minItems, maxItems }: TSchema): string {
  if (found === undefined) return "is missing";
  if (typeof found === "string" && type === "string") {
    if (minLength !== undefined && found.length < minLength) return "is empty";
    if (maxLength !== undefined && found.length > maxLength) return `is longer than ${maxLength} characters`;
  }
  if (Array.isArray(found) && type === "array") return `must have ${minItems} to ${maxItems} items`;
  return `must be ${title ?? (type === "array" ? "a list" : `a ${type}`)}`;
}
