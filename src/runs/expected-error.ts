import { isWhcbError, type WhcbError } from "../domain/errors.js";

/** Anything else is a bug of ours, and is told as one, once the journal is closed. */
export function asWhcbError(error: unknown): WhcbError {
  if (isWhcbError(error)) return error;
  throw error;
}
