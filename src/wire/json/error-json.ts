/** The error object: three texts that are always there. */
import { firstText, objectOf } from "./json-value.js";

export interface ErrorDocument {
  /** What went wrong, in a few words. */
  readonly errorSummary: string;
  /** The status's own words: "Bad Request". */
  readonly errorText: string;
  readonly errorDetail: string;
}

/** Reads what a service answered beside an error status; whatever it is, the three texts come back, empty where it says nothing. */
export function readError(document: unknown): ErrorDocument {
  const error = objectOf(document);
  return {
    errorSummary: firstText(error, "errorSummary", "error", "message"),
    errorText: firstText(error, "errorText"),
    errorDetail: firstText(error, "errorDetail", "errorDesc", "error_description"),
  };
}
