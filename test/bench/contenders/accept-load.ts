/** Hands in responses one by one over 64 connections; each must be answered with 202. */
import { Pool } from "undici";
import { contender, MEASURED, MEASURING, mark } from "../run/contender.js";
import { SUBMISSION } from "../run/sample.js";
import { HEADERS } from "../run/service.js";

const CONNECTIONS = 64;

await contender<{ url: string; count: number }>(async ({ url, count }) => {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const request = {
    path: "/callbacks/demo/calls",
    method: "POST" as const,
    headers: { ...HEADERS, "content-type": "application/json" },
    body: SUBMISSION,
  };
  let left = 0;
  const work = async () => {
    while (left-- > 0) {
      const answer = await pool.request(request);
      await answer.body.dump();
      if (answer.statusCode !== 202) throw new Error(`answered ${answer.statusCode}`);
    }
  };
  // Servers that have just started compile first; what is measured is how they run.
  left = Math.min(5_000, Math.ceil(count / 4));
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  left = count;
  mark(MEASURING);
  const began = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const rate = (count / (performance.now() - began)) * 1_000;
  mark(MEASURED);
  return { rate, items: count };
});
