/**
 * Large responses in bounded memory, by hand: `npm run soak:bytes`. Half of the endpoints hang, the service is killed three times, and
 * at the end everything is delivered. SOAK_CALLS, SOAK_BYTES, SOAK_ENDPOINTS, SOAK_MIB and SOAK_SEED change it; the figures are printed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";

const calls = Number(process.env.SOAK_CALLS ?? 1_000);
const bytes = Number(process.env.SOAK_BYTES ?? 10_000_000);
const endpoints = Number(process.env.SOAK_ENDPOINTS ?? 10);
const allowedMiB = Number(process.env.SOAK_MIB ?? 512);
const seed = Number(process.env.SOAK_SEED ?? 1);
const KILLS = 3;
const RECEIVER = join(import.meta.dirname, "..", "support", "process", "logging-receiver.mjs");
const LONG_MS = 1_200_000;
/** A kill may make what is in flight at an endpoint, and one group of outcomes, be sent again. */
const MOST_REPEATS_A_KILL = 64 + 512;

interface Target {
  readonly id: string;
  readonly path: string;
  readonly accepted: string[];
}

it(`delivers ${calls} responses of ${bytes} bytes to ${endpoints} endpoints, half of which hang, in ${allowedMiB} MiB`, async () => {
  const home = new Home();
  const random = seededRandom(seed);
  const requestLog = home.path("requests");
  const receiver = spawn(process.execPath, [RECEIVER, requestLog], { stdio: ["ignore", "pipe", "inherit"] });
  const peaksMiB: number[] = [];
  const startedAt = performance.now();
  try {
    const receiverUrl = String((await once(receiver.stdout, "data"))[0]).trim();
    let server = await serve(home, "0");
    const { url } = server;
    const { port } = new URL(url);
    const api = new ServedApi(url);
    const targets: Target[] = [];
    for (let index = 0; index < endpoints; index += 1) {
      const path = `/${index % 2 === 0 ? "ok" : "hang"}/${index}`;
      targets.push({ id: await api.create({ name: `endpoint-${index}`, url: receiverUrl + path }), path, accepted: [] });
    }
    const accepted = () => targets.reduce((sum, target) => sum + target.accepted.length, 0);
    const producing = Promise.all(targets.map((target, index) => produce(api, target, calls / endpoints, `b${index}`)));

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const from = (calls * kill) / (KILLS + 1);
      await eventually(
        async () => accepted(),
        (count) => count >= from,
        LONG_MS,
      );
      await delay(random.fraction() * 2_000);
      peaksMiB.push(peakMiB(server));
      await server.stop("SIGKILL");
      server = await serve(home, port);
    }
    await producing;
    receiver.kill("SIGUSR2");
    for (const { id } of targets) {
      await eventually(
        () => api.count(id, "SUCCESS"),
        (count) => count === calls / endpoints,
        LONG_MS,
      );
    }
    peaksMiB.push(peakMiB(server));
    const { code, stderr } = await server.stop();
    expect(code, stderr).toBe(0);

    const delivered = deliveries(requestLog);
    const lost = targets.flatMap((target) => target.accepted.filter((id) => !delivered.has(`${target.path} ${id}`)));
    const repeats = [...delivered.values()].reduce((sum, count) => sum + count - 1, 0);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    process.stdout.write(
      `${JSON.stringify({ calls, bytes, endpoints, seed, seconds, accepted: accepted(), lost: lost.length, repeats, peaksMiB })}\n`,
    );
    expect({ accepted: accepted(), lost }).toEqual({ accepted: calls, lost: [] });
    expect(repeats).toBeLessThanOrEqual(KILLS * endpoints * MOST_REPEATS_A_KILL);
    expect(Math.max(...peaksMiB)).toBeLessThanOrEqual(allowedMiB);
  } finally {
    receiver.kill("SIGKILL");
    await home.leave();
  }
});

function serve(home: Home, port: string): Promise<Running & { url: string }> {
  const args = ["--port", port, "--retry-interval", "2s", "--no-endpoint-check", "--log-level", "warn"];
  return home.serve(args, { env: { ...USER_ENV, NODE_OPTIONS: `--max-old-space-size=${allowedMiB}` } });
}

/** One response at a time, each again until it is accepted: under its own id, it is accepted once. */
async function produce(api: ServedApi, { id, accepted }: Target, count: number, prefix: string): Promise<void> {
  const content = "x".repeat(bytes - 500);
  for (let number = 0; number < count; ) {
    const callId = callIdOf(number, prefix);
    const answer = await api
      .fetch(`/callbacks/${id}/calls`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id: callId, responseMessage: { channel: "SMS", content } }),
      })
      .catch(() => null);
    if (answer?.status === 202) {
      accepted.push(callId);
      number += 1;
    } else if (answer !== null && answer.status < 500 && answer.status !== 429) {
      throw new Error(`${answer.status}: ${await answer.text()}`);
    } else await delay(100);
    await answer?.body?.cancel();
  }
}

/** The process's most resident memory so far. */
function peakMiB({ child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024);
}

/** "path id" -> how often it was answered with 200. */
function deliveries(requestLog: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const lines = existsSync(requestLog) ? readFileSync(requestLog, "utf8").split("\n").slice(0, -1) : [];
  for (const line of lines) {
    const [path, id, status] = line.split(" ");
    if (status === "200") counts.set(`${path} ${id}`, (counts.get(`${path} ${id}`) ?? 0) + 1);
  }
  return counts;
}
