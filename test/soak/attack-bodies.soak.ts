/**
 * Bodies that cost far more than their size, by hand: `npm run soak:attack`. ATTACK_BIN attacks another version's bin/whcb.js,
 * ATTACK_MIB gives it another heap.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { HOSTILE_BODIES } from "../support/attack/hostile-bodies.js";
import { ServedApi, USER_ENV } from "../support/process/served-api.js";
import { Home, type Running } from "../support/process/whcb-process.js";
import { CALLBACK_BODY } from "../support/server/server-fixture.js";

const { ATTACK_BIN: bin } = process.env;
const BYTES = 10_400_000;
const AT_ONCE = 6;
const HEAP_MIB = Number(process.env.ATTACK_MIB ?? 256);
const LONGEST_MS = 120_000;
const LONGEST_STOP_MS = 10_000;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

const serve = (...args: readonly string[]) =>
  home.serve(["--no-endpoint-check", ...args], {
    env: { ...USER_ENV, NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
    ...(bin && { bin }),
  });

const hasDied = ({ child }: Running) => child.exitCode !== null || child.signalCode !== null;

function peakMiB(server: Running): number | null {
  if (hasDied(server)) return null;
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]) / 1024);
}

/** Returns null if there is no answer. */
async function healthMs({ url }: { readonly url: string }): Promise<number | null> {
  const began = performance.now();
  const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(LONGEST_MS) }).catch(() => null);
  await answer?.text();
  return answer?.status === 200 ? Math.round(performance.now() - began) : null;
}

it.each(HOSTILE_BODIES)("six at once: $name", async ({ name, type, make, statuses }) => {
  const server = await serve("--no-dispatch");
  const api = new ServedApi(server.url);
  await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
  const body = make(BYTES);
  const began = performance.now();
  const answers = Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const init = { method: "POST", headers: { "content-type": type }, body, signal: AbortSignal.timeout(LONGEST_MS) };
      const answer = await api.fetch("/callbacks/demo/calls", init).catch(() => null);
      await answer?.text().catch(() => "");
      return answer?.status ?? null;
    }),
  );
  await delay(100);
  const health = await healthMs(server);
  const answered = await answers;
  const figures = { answered, ms: Math.round(performance.now() - began), healthMs: health, peakMiB: peakMiB(server) };
  process.stdout.write(`${name}: ${JSON.stringify(figures)}\n`);
  expect(figures).toEqual({ ...figures, answered: figures.answered.filter((status) => status && statuses.includes(status)) });
  expect(await healthMs(server)).not.toBeNull();
});

it("999 lines of NDJSON with an unknown name of 250 000 letters each", async () => {
  const server = await serve("--no-dispatch");
  const api = new ServedApi(server.url);
  await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
  let line = 0;
  const body = new ReadableStream({
    pull(lines) {
      line += 1;
      if (line < 1000) lines.enqueue(Buffer.from(`{"${String(line).padEnd(250_000, "z")}":1}\n`));
      else lines.close();
    },
  });
  const init = { method: "POST", headers: { "content-type": "application/x-ndjson" }, signal: AbortSignal.timeout(LONGEST_MS) };
  const answer = await api.fetch("/callbacks/demo/calls", { ...init, body, duplex: "half" });
  const figures = { rejected: JSON.parse(await answer.text()).rejected.length, peakMiB: peakMiB(server) };
  process.stdout.write(`NDJSON lines with long names: ${JSON.stringify(figures)}\n`);
  expect(figures).toEqual({ rejected: 999, peakMiB: expect.any(Number) });
});

it.each([
  { name: "9 MB of <div>", content: "<div>".repeat(1_800_000) },
  { name: "1 MB of <b></i>", content: "<b>x</i>".repeat(130_000) },
])("an HTML reply of $name", async ({ name, content }) => {
  const endpoint = await home.listen();
  let server = await serve();
  let api = new ServedApi(server.url);
  const post = (path: string, document: object) =>
    api.fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(document) });
  const created = await post("/callbacks", { ...CALLBACK_BODY, url: endpoint.url, removeHTML: "enabled" });
  const { id } = JSON.parse(await created.text());
  const response = { messageId: "M1", responseMessage: { channel: "EMAIL", content } };
  expect([created.status, (await post(`/callbacks/${id}/calls`, response)).status]).toEqual([201, 202]);
  await delay(200);
  const health = await Promise.race([healthMs(server), delay(20_000, null)]);
  const stopping = performance.now();
  const stopped = await Promise.race([server.stop(), delay(LONGEST_STOP_MS, null)]);
  const stopMs = stopped && Math.round(performance.now() - stopping);
  if (stopped === null) await server.stop("SIGKILL");
  const starting = performance.now();
  const started = await Promise.race([serve(), delay(20_000, null)]);
  const figures = { healthMs: health, stopMs, startMs: started && Math.round(performance.now() - starting) };
  process.stdout.write(`HTML reply of ${name}: ${JSON.stringify(figures)}\n`);
  expect(Object.values(figures)).not.toContain(null);
  if (started !== null) server = started;
  api = new ServedApi(server.url);
  while ((await api.count(id, "SUCCESS")) === 0) await delay(100);
});
