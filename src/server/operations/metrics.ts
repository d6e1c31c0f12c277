/** What Prometheus is told. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServiceStats } from "../server-deps.js";
import type { Metrics } from "./metrics-recorder.js";

const ATTEMPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

export function createMetrics(stats: ServiceStats): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const accepted = new Counter({ name: "whcb_accepted_total", help: "Responses accepted for delivery", registers });
  const requests = new Histogram({
    name: "whcb_http_request_seconds",
    help: "Requests to the API by method, route and status",
    labelNames: ["method", "route", "status"] as const,
    buckets: REQUEST_SECONDS,
    registers,
  });
  const attempts = new Histogram({
    name: "whcb_attempt_seconds",
    help: "Requests to callbacks' endpoints by outcome",
    labelNames: ["outcome"] as const,
    buckets: ATTEMPT_SECONDS,
    registers,
  });
  const gauges = {
    waiting: new Gauge({ name: "whcb_calls_waiting", help: "Calls accepted and not attempted yet", registers }),
    due: new Gauge({ name: "whcb_calls_due", help: "Failed calls with a sending to come", registers }),
    inFlight: new Gauge({ name: "whcb_in_flight", help: "Requests to endpoints under way", registers }),
    openOutages: new Gauge({ name: "whcb_outages_open", help: "Outages that go on", registers }),
    queuedMails: new Gauge({ name: "whcb_mails_owed", help: "E-mails not sent yet", registers }),
  };
  stats.onAttempt(({ outcome, durationMs }) => attempts.observe({ outcome }, durationMs / 1000));
  return {
    accepted: (count) => accepted.inc(count),
    answered: ({ method, route, status, seconds }) => requests.observe({ method, route, status }, seconds),
    async render() {
      const values = await stats.read();
      gauges.waiting.set(values.waiting);
      gauges.due.set(values.due);
      gauges.inFlight.set(values.inFlight);
      gauges.openOutages.set(values.openOutages);
      gauges.queuedMails.set(values.queuedMails);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
