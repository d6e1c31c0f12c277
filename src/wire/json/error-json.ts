/** The error object: three texts, always present (docs/contract.md, Errors). */
import { firstText, objectOf } from "./json-value.js";

export interface ErrorDocument {
  /** What went wrong, in a few words. */
  readonly errorSummary: string;
  /** The status's reason phrase: "Bad Request". */
  readonly errorText: string;
  readonly errorDetail: string;
}

/** Reads the body of an error answer, whatever it is. Missing texts are "". */
export function readError(document: unknown): ErrorDocument {
  const error = objectOf(document);
  return {
    errorSummary: firstText(error, "errorSummary", "error", "message"),
    errorText: firstText(error, "errorText"),
    errorDetail: firstText(error, "errorDetail", "errorDesc", "error_description"),
  };
}
