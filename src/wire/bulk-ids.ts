/** A request may name so many calls (docs/contract.md, Calls). */
export const MAX_IDS_PER_REQUEST = 100;

export async function* chunkIds(ids: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let chunk: string[] = [];
  for await (const id of ids) {
    if (chunk.push(id) < MAX_IDS_PER_REQUEST) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** An id that a service gives may have half a character, which no URL can have. */
export function idInUrl(id: string): string {
  return encodeURIComponent(id.toWellFormed());
}
