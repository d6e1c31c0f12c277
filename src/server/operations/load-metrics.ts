import type { ServerDeps } from "../server-deps.js";
import type { Metrics } from "./metrics-recorder.js";

/** Nobody asks a service within a command's own process: it starts without the library. */
const NO_METRICS: Metrics = {
  accepted() {},
  answered() {},
  render: async () => ({ contentType: "text/plain", text: "" }),
};

export async function loadMetrics({ authentication, stats }: ServerDeps): Promise<Metrics> {
  if (authentication === "none") return NO_METRICS;
  const { createMetrics } = await import("./metrics.js");
  return createMetrics(stats);
}
