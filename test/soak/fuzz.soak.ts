/**
 * Requests of every kind, valid ones included, to `whcb serve`: `npm run soak:fuzz`. WHCB_FUZZ_RUNS and WHCB_FUZZ_SEED change it; the
 * figures are printed.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Home, type Running } from "../support/process/whcb-process.js";
import { anyRequest } from "../support/server/arbitrary-requests.js";
import { CALLBACK_BODY, CREDENTIALS, USER } from "../support/server/server-fixture.js";
import { overHttp, type RawAnswer, type RawRequest } from "../support/server/service-callers.js";

const runs = Number(process.env.WHCB_FUZZ_RUNS ?? 100_000);
const seed = Number(process.env.WHCB_FUZZ_SEED ?? Date.now() % 1_000_000);
const BATCH = 200;
const AT_ONCE = 8;
const LONGEST_MS = 1_000;
const MOST_GROWTH_MIB = 64;
const IS_LEAK = /at .*\.[jt]s:\d+|SQLITE|SELECT |\/src\/|node_modules/;

interface Slow {
  readonly ms: number;
  readonly request: RawRequest;
}

it(`answers ${runs} fuzzed requests`, { timeout: 7_200_000 }, async () => {
  const home = new Home();
  process.stdout.write(`seed ${seed}\n`);
  try {
    const server = await home.serve(["--no-endpoint-check", "--no-dispatch", "--log-level", "error"], {
      env: {
        WHCB_USERNAME: USER.username,
        WHCB_PASSWORD: USER.password,
        WHCB_API_KEY: USER.apiKey,
        NODE_OPTIONS: "--max-old-space-size=256",
      },
    });
    const send = overHttp(server.url);
    const counts: Record<string, number> = {};
    const routes: Record<string, number> = {};
    const failed: unknown[] = [];
    const slow: Slow[] = [];
    const samples: ReturnType<typeof usageOf>[] = [];

    const check = async (request: RawRequest): Promise<number> => {
      const began = performance.now();
      const answer = await send(request);
      const ms = performance.now() - began;
      const { status } = answer;
      if ((status >= 500 && status !== 503) || isLeaky(answer)) failed.push({ request, answer });
      const key = `${request.method} ${routeOf(request.path)}`;
      counts[status] = (counts[status] ?? 0) + 1;
      if (status < 400) routes[key] = (routes[key] ?? 0) + 1;
      return ms;
    };

    for (let done = 0; done < runs; done += BATCH) {
      await restore(send);
      const requests = fc.sample(anyRequest, { numRuns: Math.min(BATCH, runs - done), seed: seed + done });
      const queue = requests.values();
      const worker = async () => {
        for (const request of queue) {
          const ms = await check(request);
          if (ms > LONGEST_MS) slow.push({ ms, request });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      if ((done / BATCH) % Math.max(1, Math.floor(runs / BATCH / 20)) === 0) samples.push(usageOf(server));
    }
    samples.push(usageOf(server));

    // Other processes may have slowed them: alone, the fastest of three counts.
    const stillSlow: Slow[] = [];
    for (const { request } of slow) {
      const ms = Math.min(await check(request), await check(request), await check(request));
      if (ms > LONGEST_MS) stillSlow.push({ ms, request });
    }
    process.stdout.write(`${JSON.stringify({ runs, seed, statuses: counts, slow: slow.map(({ ms }) => Math.round(ms)) })}\n`);
    process.stdout.write(`answered with 2xx: ${JSON.stringify(routes)}\n`);
    process.stdout.write(`${samples.map((sample) => JSON.stringify(sample)).join("\n")}\n`);
    expect({ failed: failed.slice(0, 3), stillSlow }).toEqual({ failed: [], stillSlow: [] });
    expect(server.stderr.split("\n").filter((line) => line.startsWith("{"))).toEqual([]);
    const [, early = usageOf(server)] = samples;
    const last = usageOf(server);
    expect(last.rssMiB - early.rssMiB).toBeLessThan(MOST_GROWTH_MIB);
    expect(last.databaseFiles).toBe(early.databaseFiles);
    expect(last.descriptors).toBeLessThanOrEqual(early.descriptors + AT_ONCE);
  } finally {
    await home.leave();
  }
});

/** Callbacks that requests have created or renamed go: one of them may have the calls that most requests name. */
async function restore(send: (request: RawRequest) => Promise<RawAnswer>): Promise<void> {
  const headers = { ...CREDENTIALS, accept: "application/json", "content-type": "application/json" };
  const { text } = await send({ method: "GET", path: "/callbacks?limit=500", headers });
  const { callbacks = [] }: { callbacks?: { id: string; name: string }[] } = JSON.parse(text);
  const others = callbacks.filter(({ name }) => name !== "demo" && name !== "other");
  for (const { id } of others) await send({ method: "DELETE", path: `/callbacks/${id}`, headers });
  for (const name of ["demo", "other"]) {
    await send({ method: "POST", path: "/callbacks", headers, body: JSON.stringify({ ...CALLBACK_BODY, name }) });
  }
  const body = JSON.stringify({ calls: ["A", "B", "C"].map((id) => ({ id })) });
  await send({ method: "POST", path: "/callbacks/demo/calls", headers, body });
}

function isLeaky({ status, text }: RawAnswer): boolean {
  return status >= 400 && IS_LEAK.test(text);
}

function routeOf(path: string): string {
  return (path.split("?", 1)[0] ?? "").replace(/^(\/callbacks)\/[^/]+/, "$1/{id}").replace(/(\/calls)\/[^/]+/, "$1/{id}");
}

function usageOf({ child }: Running) {
  const folder = `/proc/${child.pid}`;
  const files = readdirSync(`${folder}/fd`).map((name) => {
    try {
      return readlinkSync(`${folder}/fd/${name}`);
    } catch {
      return "";
    }
  });
  const rssMiB = Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${folder}/status`, "utf8"))?.[1]) / 1024);
  return { rssMiB, descriptors: files.length, databaseFiles: files.filter((file) => file.includes("x.db")).length };
}
