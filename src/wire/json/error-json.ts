/** An error has three texts, which are always present (docs/contract.md, Errors). */
import { firstText, objectOf } from "./json-value.js";

export interface ErrorDocument {
  readonly errorSummary: string;
  /** `errorText` is the status's text, such as "Bad Request". */
  readonly errorText: string;
  readonly errorDetail: string;
}

/** An error has one of the three texts under its documented name, which a gateway's own answer doesn't have. */
export function isErrorDocument(document: unknown): boolean {
  const error = objectOf(document);
  return ["errorSummary", "errorText", "errorDetail"].some((name) => name in error);
}

export function readError(document: unknown): ErrorDocument {
  const error = objectOf(document);
  return {
    errorSummary: firstText(error, "errorSummary", "error", "message"),
    errorText: firstText(error, "errorText"),
    errorDetail: firstText(error, "errorDetail", "errorDesc", "error_description", "message"),
  };
}
