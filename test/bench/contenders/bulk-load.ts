/** Hands in responses as one NDJSON stream, until the 202. */

import { Readable } from "node:stream";
import { request } from "undici";
import { contender, MEASURED, MEASURING, mark } from "../run/contender.js";
import { SUBMISSION } from "../run/sample.js";
import { HEADERS } from "../run/service.js";

const LINES = 500;

await contender<{ url: string; count: number }>(async ({ url, count }) => {
  const warmUp = Math.min(20_000, count);
  await handIn(url, warmUp);
  mark(MEASURING);
  const began = performance.now();
  await handIn(url, count);
  const rate = (count / (performance.now() - began)) * 1_000;
  mark(MEASURED);
  return { rate, items: count };
});

async function handIn(url: string, count: number): Promise<void> {
  const headers = { ...HEADERS, "content-type": "application/x-ndjson" };
  const answer = await request(`${url}/callbacks/demo/calls`, { method: "POST", headers, body: Readable.from(chunks(count)) });
  const { accepted } = (await answer.body.json()) as { accepted: number };
  if (answer.statusCode !== 202 || accepted !== count) throw new Error(`answered ${answer.statusCode}, ${accepted} of ${count}`);
}

function* chunks(count: number): Generator<Buffer> {
  const whole = Buffer.from(`${SUBMISSION}\n`.repeat(LINES));
  let left = count;
  for (; left >= LINES; left -= LINES) yield whole;
  if (left > 0) yield Buffer.from(`${SUBMISSION}\n`.repeat(left));
}
