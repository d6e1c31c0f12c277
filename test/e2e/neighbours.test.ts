/** 64 endpoints at once, a third of which hang: what the others get is compared with the same run in which none does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const ENDPOINTS = 64;
const HANGING = 21;
const ROUNDS = 16;
/** The first ones warm the service and its connections up, and aren't measured. */
const WARM_UP = 4;
/** The time from one round to the next. Both runs have the same load. */
const ROUND_MS = 120;
/**
 * What a saturated machine may cost in one run and not in the other. A call without a slot waits for a minute; that the
 * times are the very same is shown in virtual time (retry-day).
 */
const ALLOWANCE_MS = 15_000;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

interface Run {
  /** Times from the submission of a response to its arrival, in ascending order. */
  readonly latencies: readonly number[];
  readonly mostOpen: Readonly<Record<string, number>>;
}

/**
 * The well endpoints get a response each in every round, or once the one before is accepted: each has one producer, so that no more
 * connections wait than a service accepts at once (Node's 511). Those that hang have 200 waiting each.
 */
async function run(name: string, hanging: number): Promise<Run> {
  const report = home.path(`${name}.json`);
  const receiver = spawn(
    process.execPath,
    [join(import.meta.dirname, "..", "support", "process", "crowd-receiver.mjs"), report],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  try {
    const url = String((await once(receiver.stdout, "data"))[0]).trim();
    const server = await home.serve(["--db", home.path(`${name}.db`), "--no-endpoint-check"], { env: USER_ENV });
    const api = new ServedApi(server.url);
    const well: string[] = [];
    for (let index = 0; index < ENDPOINTS; index += 1) {
      const kind = index < hanging ? "hang" : "well";
      const id = await api.create({ name: `${kind}-${index}`, url: `${url}/${kind}/${index}` });
      if (kind === "hang") await api.hand(id, idsOf(200, `h${index}`));
      else if (well.length < ENDPOINTS - HANGING) well.push(id);
    }
    const handedAt = new Map<string, number>();
    const began = performance.now();
    await Promise.all(
      well.map(async (callback, index) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          await delay(Math.max(0, began + round * ROUND_MS - performance.now()));
          const callId = callIdOf(round, `w${index}`);
          if (round >= WARM_UP) handedAt.set(callId, Date.now());
          const answer = await api.hand(callback, [callId]);
          expect([answer.status, await answer.text()]).toEqual([202, expect.anything()]);
        }
      }),
    );
    for (const callback of well) {
      await eventually(
        () => api.count(callback, "SUCCESS"),
        (count) => count === ROUNDS,
      );
    }
    receiver.kill("SIGTERM");
    await once(receiver, "exit");
    await server.stop("SIGKILL");
    const { arrivals, mostOpen }: { arrivals: { id: string; at: number }[]; mostOpen: Run["mostOpen"] } = JSON.parse(
      readFileSync(report, "utf8"),
    );
    const latencies = arrivals.flatMap(({ id, at }) => {
      const handed = handedAt.get(id);
      return handed === undefined ? [] : [at - handed];
    });
    return { latencies: latencies.sort((a, b) => a - b), mostOpen };
  } finally {
    receiver.kill("SIGKILL");
  }
}

const idsOf = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => callIdOf(index, prefix));
const percentile = ({ latencies }: Run, share: number) => latencies[Math.ceil(latencies.length * share) - 1] ?? Number.NaN;

it("keeps its limits and the latency of healthy endpoints while a third of 64 endpoints hang", async () => {
  const alone = await run("alone", 0);
  const beside = await run("beside", HANGING);
  const sent = (ENDPOINTS - HANGING) * (ROUNDS - WARM_UP);
  expect([alone.latencies.length, beside.latencies.length]).toEqual([sent, sent]);
  for (const share of [0.5, 0.99]) {
    expect(percentile(beside, share)).toBeLessThanOrEqual(1.5 * percentile(alone, share) + ALLOWANCE_MS);
  }
  const open = Object.entries(beside.mostOpen);
  expect(Math.max(...open.map(([, most]) => most))).toBeLessThanOrEqual(64);
  const hanging = open.filter(([path]) => path.startsWith("/hang/"));
  expect(hanging).toHaveLength(HANGING);
  expect(hanging.reduce((sum, [, most]) => sum + most, 0)).toBeLessThan(512);
});
