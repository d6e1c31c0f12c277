/**
 * A million responses delivered through restarts, by hand: `npm run soak:million`. The endpoint counts them by webhook-id. SOAK_CALLS,
 * SOAK_KILLS, SOAK_ENDPOINTS and SOAK_SEED change it; the figures are printed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";

const calls = Number(process.env.SOAK_CALLS ?? 1_000_000);
const kills = Number(process.env.SOAK_KILLS ?? 8);
const endpoints = Number(process.env.SOAK_ENDPOINTS ?? 4);
const seed = Number(process.env.SOAK_SEED ?? 1);
const RECEIVER = join(import.meta.dirname, "..", "support", "process", "counting-receiver.mjs");
const BATCH = 1_000;
const LONG_MS = 3_000_000;
/** A kill may make what is in flight, and one group of outcomes, be sent again. */
const MOST_REPEATS_A_KILL = 512 + 512;

it(`loses none of ${calls} responses in ${kills} kills`, { timeout: LONG_MS }, async () => {
  const home = new Home();
  const random = seededRandom(seed);
  const receiver = spawn(process.execPath, [RECEIVER, String(calls)], { stdio: ["ignore", "pipe", "inherit"] });
  const startedAt = performance.now();
  try {
    const receiverUrl = String((await once(receiver.stdout, "data"))[0]).trim();
    const received = async () => (await (await fetch(receiverUrl)).json()) as { posts: number; distinct: number };
    let server = await serve(home, "0");
    const { port } = new URL(server.url);
    const api = new ServedApi(server.url);
    const ids: string[] = [];
    for (let index = 0; index < endpoints; index += 1) {
      ids.push(await api.create({ name: `endpoint-${index}`, url: `${receiverUrl}/${index}` }));
    }
    const producing = produce(api, ids);
    const samples: { seconds: number; delivered: number; rssMiB: number }[] = [];
    const reach = async (count: number) => {
      await eventually(received, ({ distinct }) => distinct >= count, LONG_MS);
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      samples.push({ seconds, delivered: (await received()).distinct, rssMiB: memoryMiB(server, "VmRSS") });
    };

    const peaksMiB: number[] = [];
    for (let kill = 1; kill <= kills; kill += 1) {
      await reach((calls * (kill - 0.5)) / (kills + 1));
      await reach((calls * kill) / (kills + 1));
      await delay(random.fraction() * 200);
      peaksMiB.push(memoryMiB(server, "VmHWM"));
      await server.stop("SIGKILL");
      server = await serve(home, port);
    }
    const accepted = await producing;
    await reach(calls);
    for (const id of ids) {
      await eventually(
        () => api.count(id, "SUCCESS"),
        (count) => count === calls / endpoints,
        LONG_MS,
      );
    }
    peaksMiB.push(memoryMiB(server, "VmHWM"));
    const { posts, distinct } = await received();
    const { code, stderr } = await server.stop();
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    const figures = { calls, kills, endpoints, seed, seconds, accepted, lost: calls - distinct, repeats: posts - distinct };
    process.stdout.write(
      `${JSON.stringify({ ...figures, peaksMiB })}\n${samples.map((sample) => JSON.stringify(sample)).join("\n")}\n`,
    );
    expect(code, stderr).toBe(0);
    expect({ accepted, distinct }).toEqual({ accepted: calls, distinct: calls });
    expect(posts - distinct).toBeLessThanOrEqual(kills * MOST_REPEATS_A_KILL);
  } finally {
    receiver.kill("SIGKILL");
    await home.leave();
  }
});

function serve(home: Home, port: string): Promise<Running & { url: string }> {
  return home.serve(["--port", port, "--no-endpoint-check", "--log-level", "warn"], { env: USER_ENV });
}

/** A batch at a time, each again until it is accepted: under its own ids, it is accepted once. */
async function produce(api: ServedApi, callbacks: readonly string[]): Promise<number> {
  for (let from = 0; from < calls; ) {
    const callback = callbacks[(from / BATCH) % callbacks.length] ?? "";
    const ids = Array.from({ length: BATCH }, (_, index) => callIdOf(from + index));
    const answer = await api.hand(callback, ids).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.status === 202) from += BATCH;
    else if (answer === null || answer.status >= 500 || answer.status === 429) await delay(50);
    else throw new Error(`${answer.status}`);
  }
  return calls;
}

function memoryMiB({ child }: Running, what: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
}
