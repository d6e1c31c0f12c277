/** Loaded first into every process: reports its own figures to the benchmark, from "begin" to "end", and doesn't outlive it. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";
import { PAUSE_RESOLUTION_MS, pauseMs } from "./pauses.js";

export type ProbeMessage = "begin" | "begin-quietly" | "end";

export interface ProbeFigures {
  readonly cpuMs: number;
  /** 0 if it began quietly. */
  readonly pauseMs: number;
}

const LONGEST_END_MS = 5_000;

if (isMainThread && process.send !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: PAUSE_RESOLUTION_MS });
  let since = process.cpuUsage();
  process.on("message", (message: ProbeMessage) => {
    if (message === "end") {
      delays.disable();
      const { user, system } = process.cpuUsage(since);
      process.send?.({ cpuMs: (user + system) / 1_000, pauseMs: pauseMs(delays) } satisfies ProbeFigures);
      return;
    }
    delays.reset();
    if (message === "begin") delays.enable();
    since = process.cpuUsage();
  });
  process.once("disconnect", () => {
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.exit(1), LONGEST_END_MS).unref();
  });
  // The process ends as it does without the benchmark.
  process.channel?.unref();
}
