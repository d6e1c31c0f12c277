import { namesCall } from "../../client/service-error.js";
import { type ErrorCode, isWhcbError } from "../../domain/errors.js";

export interface RejectedCall {
  readonly kind: "rejected";
  readonly callId: string;
  readonly reason: string;
  readonly isGone: boolean;
}

export type ChunkOutcome = { readonly kind: "done"; readonly callIds: readonly string[] } | RejectedCall;

/** One call has probably caused such an error. */
const REJECTIONS: ReadonlySet<ErrorCode> = new Set(["not-found", "invalid", "malformed", "duplicate-name"]);

/**
 * The service applies all or nothing. A rejected call is found by trying the one that the error names alone, or by halving, after
 * `checkCallback` (throws if the callback is gone).
 */
export async function* applyToChunk(
  callIds: readonly string[],
  apply: (callIds: readonly string[]) => Promise<unknown>,
  checkCallback: () => Promise<unknown>,
): AsyncGenerator<ChunkOutcome> {
  const waiting: (readonly string[])[] = [callIds];
  let isChecked = false;
  for (let ids = waiting.pop(); ids !== undefined; ids = waiting.pop()) {
    if (ids.length === 0) continue;
    try {
      await apply(ids);
      yield { kind: "done", callIds: ids };
    } catch (error) {
      if (!isWhcbError(error) || !REJECTIONS.has(error.code)) throw error;
      if (!isChecked) await checkCallback();
      isChecked = true;
      const [first = ""] = ids;
      if (ids.length === 1) {
        yield { kind: "rejected", callId: first, reason: error.message, isGone: error.code === "not-found" };
        continue;
      }
      const named = ids.find((id) => namesCall(error, id));
      if (named !== undefined) {
        const others = ids.filter((id) => id !== named);
        waiting.push(others, [named]);
        continue;
      }
      const middle = Math.ceil(ids.length / 2);
      waiting.push(ids.slice(middle), ids.slice(0, middle));
    }
  }
}
