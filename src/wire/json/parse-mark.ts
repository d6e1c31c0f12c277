/** The body of a mark: one status for all the calls that the request names. */
import { checkerOf } from "./check.js";
import { MarkSchema } from "./schemas.js";

const check = checkerOf(MarkSchema);

/** Throws `invalid` for another status, `malformed` for no object. */
export function parseMark(value: unknown): "SUCCESS" | "FAILED" {
  return check(value).status;
}
