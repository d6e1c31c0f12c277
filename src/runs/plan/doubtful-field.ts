/** A list of failed calls, or a log of rejected requests, isn't a list of what was received (docs/cli.md, Reconcile). */
import { columnName, DATE_FIELDS, KNOWN_FIELDS, MAX_NAME, readDocument } from "./body-fields.js";
import { isHeading, mayMeanNotReceived, saysWhetherReceived } from "./received-field.js";

export interface DoubtfulField {
  /** It has the names of all levels, as `columnName` returns them: `res.statuscode`. */
  readonly name: string;
  readonly value: string;
}

export interface DoubtOptions {
  readonly isId: boolean;
  readonly isCompared: boolean;
  /** Nothing in a field of these names is looked at. */
  readonly ignored: ReadonlySet<string>;
}

/** Returns what may say, at any level of the field, that its line wasn't received. */
export function findDoubt(name: string, value: string, { isId, isCompared, ignored }: DoubtOptions): DoubtfulField | null {
  if (!isId && !isCompared) return findIn(name, value, ignored);
  const isDoubtful = (isId && isHeading(value)) || (saysWhetherReceived(name) && mayMeanNotReceived(name, value));
  return isDoubtful && !ignored.has(name) ? { name, value } : null;
}

function findIn(name: string, value: unknown, ignored: ReadonlySet<string>): DoubtfulField | null {
  if (ignored.has(name)) return null;
  if (typeof value === "object" && value !== null) {
    for (const [member, inner] of Object.entries(value)) {
      const column = columnName(member);
      if (isOfBody(column, inner)) continue;
      const found = findIn(`${name}.${column}`.slice(-MAX_NAME), inner, ignored);
      if (found !== null) return found;
    }
    return null;
  }
  const text = String(value ?? "").trim();
  const inner = /^[{[<]/.test(text) ? readDocument(text)?.value : null;
  if (typeof inner === "object" && inner !== null) return findIn(name, inner, ignored);
  return mayMeanNotReceived(name, text) ? { name, value: text } : null;
}

/** A log may have the body that was received. What a sender has written in it says nothing of the receiver. */
function isOfBody(column: string, value: unknown): boolean {
  return KNOWN_FIELDS.has(column) && (typeof value === "object" || !DATE_FIELDS.has(column));
}
