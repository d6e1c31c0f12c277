import type { ServerDeps } from "./deps.js";

export interface Metrics {
  accepted(count: number): void;
  answered(request: AnsweredRequest): void;
  /** As Prometheus reads it. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface AnsweredRequest {
  readonly method: string;
  /** The route's pattern, not the path: a label has few values. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

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
