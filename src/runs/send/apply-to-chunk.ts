/** An all-or-nothing request for up to 100 calls, so that one unknown call doesn't hold up the others. */
import { namesCall } from "../../client/service-error.js";
import { isWhcbError } from "../../domain/errors.js";

export type ChunkOutcome =
  | { readonly kind: "done"; readonly callIds: readonly string[] }
  | { readonly kind: "rejected"; readonly callId: string; readonly reason: string };

/** Ids of one request, at most. */
export const CHUNK_SIZE = 100;

/**
 * Where the service refuses the whole for the sake of one call, the rest is done without it: it is named, or found by halving.
 * `checkCallback` is called before halving and throws where the callback itself is gone. Other exceptions of `apply` pass through.
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
      // not-found: no such call. invalid: a call that can't take this mark.
      if (!isWhcbError(error, "not-found") && !isWhcbError(error, "invalid")) throw error;
      if (!isChecked) await checkCallback();
      isChecked = true;
      const [first = ""] = ids;
      if (ids.length === 1) {
        yield { kind: "rejected", callId: first, reason: error.message };
        continue;
      }
      const named = ids.find((id) => namesCall(error, id));
      if (named !== undefined) {
        yield { kind: "rejected", callId: named, reason: error.message };
        waiting.push(ids.filter((id) => id !== named));
        continue;
      }
      const middle = Math.ceil(ids.length / 2);
      waiting.push(ids.slice(middle), ids.slice(0, middle));
    }
  }
}

export async function* inChunks(callIds: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let chunk: string[] = [];
  for await (const id of callIds) {
    if (chunk.push(id) < CHUNK_SIZE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
