import { readFileSync, statfsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { readArrivals } from "../run/arrivals.js";
import { compare, limited } from "../run/measures.js";
import type { Bench } from "../run/scope.js";
import { startBenchService } from "../run/service.js";

const ENDPOINTS = 10;
const CONTENT_BYTES = 10_000_000;
const ALLOWED_MIB = 512;
const AT_MOST_MIB = 384;

/** Many large responses wait: they are all delivered within little memory. */
export const largeBodies: Bench = async (scope) => {
  const receiver = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const { bavail, bsize } = statfsSync(scope.folder);
  // With the write-ahead log, and room for others.
  const fitting = Math.floor((bavail * bsize) / 2 / CONTENT_BYTES);
  const calls = Math.floor(Math.min(scope.scaled(1_000), fitting) / ENDPOINTS);
  const count = calls * ENDPOINTS;
  const database = scope.freshFile(".db");
  const sizes = { count: 1, failedEach: 0, contentBytes: CONTENT_BYTES, copies: ENDPOINTS - 1, times: calls };
  await scope.measure("fill", { database, url: `${receiver}/hook`, ...sizes });
  const nodeOptions = [`--max-old-space-size=${ALLOWED_MIB}`];
  const service = await startBenchService(scope, { database, dispatch: true, nodeOptions });
  let delivered = 0;
  let peakMiB: number | undefined;
  while (delivered < count && service.child.exitCode === null && service.child.signalCode === null) {
    await delay(100);
    delivered = (await readArrivals(receiver)).accepted;
    peakMiB = readPeakMiB(service.child.pid) ?? peakMiB;
  }
  const against = { against: count, unit: "requests" as const, atLeast: 1 };
  return [
    compare({ measure: "responses of 10 MB delivered, against all that waited", ours: delivered, ...against }),
    limited({ measure: "most RSS meanwhile", ours: peakMiB, unit: "MiB", atMost: AT_MOST_MIB }),
  ];
};

/** undefined: the process has ended, or there is no /proc. */
function readPeakMiB(pid: number | undefined): number | undefined {
  try {
    const kiB = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kiB === undefined ? undefined : Number(kiB) / 1_024;
  } catch {
    return undefined;
  }
}
