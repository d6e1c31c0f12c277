/**
 * Caller and endpoint of a service that accepts and delivers, in one process, so that one clock sees both: hands in responses as
 * fast as they are taken and waits for the last to arrive, then again at half of that rate, reporting how long each took from its 202
 * to its arrival.
 */
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { contender, MEASURED, MEASURING, mark } from "../run/contender.js";
import { quantile } from "../run/rounds.js";
import { SUBMISSION } from "../run/sample.js";
import { HEADERS } from "../run/service.js";

const CONNECTIONS = 64;
const TURN_MS = 1;

const arrivals = new Map<string, number>();
let arrived = 0;
const endpoint = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.end();
    arrived += 1;
    arrivals.set(String(request.headers["webhook-id"]), performance.now());
  });
});
endpoint.keepAliveTimeout = 60_000;

await contender<{ url: string; count: number; seconds: number }>(async ({ url, count, seconds }) => {
  const port = await new Promise<number>((resolve) => {
    endpoint.listen(0, "127.0.0.1", () => {
      const address = endpoint.address();
      resolve(address !== null && typeof address === "object" ? address.port : 0);
    });
  });
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { ...HEADERS, "content-type": "application/json" };
  await createCallback(pool, headers, `http://127.0.0.1:${port}/hook`);
  const handIn = async (): Promise<string> => {
    const answer = await pool.request({ path: "/callbacks/demo/calls", method: "POST", headers, body: SUBMISSION });
    if (answer.statusCode !== 202) throw new Error(`answered ${answer.statusCode}`);
    const { calls } = (await answer.body.json()) as { calls: readonly { id: string }[] };
    return calls[0]?.id ?? "";
  };

  await topRate(handIn, Math.min(5_000, count));
  mark(MEASURING);
  const rate = await topRate(handIn, count);
  mark(MEASURED);
  const delays = await delaysAt(handIn, rate / 2, seconds);
  return { rate, items: count, p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) };
});

async function createCallback(pool: Pool, headers: Record<string, string>, url: string): Promise<void> {
  const body = JSON.stringify({
    name: "demo",
    url,
    auth: { type: "httpheader", key: "a-secret-callback-key" },
    contentType: "json",
    removeHTML: "disabled",
    retriesEnabled: true,
    email: "ops@example.com",
    callbacks: { reply: "enabled", undeliverable: "enabled" },
  });
  const answer = await pool.request({ path: "/callbacks", method: "POST", headers, body });
  await answer.body.dump();
  if (answer.statusCode !== 201) throw new Error(`the callback was answered with ${answer.statusCode}`);
}

/** Responses a second, from the first request to the last arrival. */
async function topRate(handIn: () => Promise<string>, count: number): Promise<number> {
  arrivals.clear();
  arrived = 0;
  let left = count;
  const began = performance.now();
  const work = async () => {
    while (left-- > 0) await handIn();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  await untilArrived(count);
  return (count / (performance.now() - began)) * 1_000;
}

/** ms from 202 to arrival, sent at a steady rate whatever comes back; one that arrived before its 202 counts as 0. */
async function delaysAt(handIn: () => Promise<string>, rate: number, seconds: number): Promise<number[]> {
  arrivals.clear();
  arrived = 0;
  const accepted = new Map<string, number>();
  const began = performance.now();
  const pending: Promise<void>[] = [];
  let sent = 0;
  for (let now = began; now < began + seconds * 1_000; now = performance.now()) {
    for (const due = ((now - began) / 1_000) * rate; sent < due; sent += 1) {
      pending.push(handIn().then((id) => void accepted.set(id, performance.now())));
    }
    await delay(TURN_MS);
  }
  await Promise.all(pending);
  await untilArrived(sent);
  return [...accepted].map(([id, at]) => Math.max(0, (arrivals.get(id) ?? Number.POSITIVE_INFINITY) - at));
}

async function untilArrived(count: number): Promise<void> {
  while (arrived < count) await delay(1);
}
