/** Hands in requests of two responses each over 64 connections, in turn to each of `callbacks`, and waits until all have arrived. */
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { readArrivals } from "../run/arrivals.js";
import { contender, MEASURED, MEASURING, mark } from "../run/contender.js";
import { callbackIdOf } from "../run/copy-callback.js";
import { SUBMISSION } from "../run/sample.js";
import { HEADERS } from "../run/service.js";

interface Options {
  readonly url: string;
  readonly receiver: string;
  readonly requests: number;
  readonly callbacks: number;
}

const CONNECTIONS = 64;
const EACH = 2;
const BODY = `{"calls":[${Array(EACH).fill(SUBMISSION).join(",")}]}`;

await contender<Options>(async ({ url, receiver, requests, callbacks }) => {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { ...HEADERS, "content-type": "application/json" };
  const handIn = async (count: number, callbackOf: (index: number) => number) => {
    const before = (await readArrivals(receiver)).accepted;
    let next = 0;
    const work = async () => {
      while (next < count) {
        const path = `/callbacks/${callbackIdOf(callbackOf(next++))}/calls`;
        const answer = await pool.request({ path, method: "POST", headers, body: BODY });
        const text = await answer.body.text();
        if (answer.statusCode !== 202) throw new Error(`answered ${answer.statusCode}: ${text}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    while ((await readArrivals(receiver)).accepted - before < count * EACH) await delay(10);
  };
  await handIn(Math.min(2_500, Math.ceil(requests / 4)), () => 0);
  mark(MEASURING);
  const began = performance.now();
  await handIn(requests, (index) => index % callbacks);
  const rate = ((requests * EACH) / (performance.now() - began)) * 1_000;
  mark(MEASURED);
  return { rate, items: requests * EACH };
});
