import { monitorEventLoopDelay } from "node:perf_hooks";
import { PAUSE_RESOLUTION_MS, pauseMs } from "./pauses.js";
import type { Figures } from "./scope.js";

/** A contender's main: options come as JSON in the first argument, figures go out as a line of JSON, and what still runs ends. */
export async function contender<Options>(work: (options: Options) => Promise<Figures>): Promise<void> {
  const figures = await work(JSON.parse(process.argv[2] ?? "{}"));
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

/** Items a second, CPU of this process per item in µs, and the longest pause of its event loop. */
export interface RateFigures {
  readonly rate: number;
  readonly cpuUs: number;
  readonly pauseMs: number;
}

/** `work` resolves with how many items it did. */
export async function measureRate(work: () => Promise<number>): Promise<RateFigures> {
  const delays = monitorEventLoopDelay({ resolution: PAUSE_RESOLUTION_MS });
  delays.enable();
  const began = performance.now();
  const cpu = process.cpuUsage();
  const items = await work();
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - began;
  delays.disable();
  return { rate: (items / ms) * 1_000, cpuUs: (user + system) / items, pauseMs: pauseMs(delays) };
}

export const MEASURING = "measuring";
export const MEASURED = "measured";

/** Of a contender that puts load on another process: says that what is measured begins or ends now. */
export function mark(what: typeof MEASURING | typeof MEASURED): void {
  process.stdout.write(`${what}\n`);
}
