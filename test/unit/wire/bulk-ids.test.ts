import { expect, it } from "vitest";
import { chunkIds, MAX_IDS_PER_REQUEST } from "../../../src/wire/bulk-ids.js";

const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, index) => `id-${index}`);

async function chunksOf(ids: Iterable<string> | AsyncIterable<string>): Promise<(readonly string[])[]> {
  const chunks: (readonly string[])[] = [];
  for await (const chunk of chunkIds(ids)) chunks.push(chunk);
  return chunks;
}

it.each([
  [0, []],
  [1, [1]],
  [100, [100]],
  [101, [100, 1]],
  [250, [100, 100, 50]],
])("splits %i ids into chunks of %j, in order", async (count, sizes) => {
  const chunks = await chunksOf(idsUpTo(count));
  expect(chunks.map(({ length }) => length)).toEqual(sizes);
  expect(chunks.flat()).toEqual(idsUpTo(count));
});

it("yields a chunk before it reads the next ids", async () => {
  let read = 0;
  const ids = (function* () {
    for (; ; read++) yield `id-${read}`;
  })();
  await chunkIds(ids).next();
  expect(read).toBe(MAX_IDS_PER_REQUEST - 1);
});
