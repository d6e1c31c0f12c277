import { once } from "node:events";
import type { Server } from "node:http";
import type { Registry } from "prom-client";
import { isAccepted } from "../../domain/attempt.js";
import type { Timers } from "../../platform/clock.js";
import { isLoopbackHost } from "../../platform/loopback.js";
import { Connections, protocolFault } from "../connections.js";
import { lazyParts } from "../lazy-parts.js";
import type { ServerDeps, ServiceStats } from "../server-deps.js";

export interface Metrics {
  accepted(count: number): void;
  answered(request: AnsweredRequest): void;
  /** Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface AnsweredRequest {
  readonly method: string;
  /** The pattern: few values. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** A command's own service isn't scraped. */
const NO_METRICS: Metrics = {
  accepted() {},
  answered() {},
  render: async () => ({ contentType: "text/plain", text: "" }),
};

export async function createMetrics({ authentication, stats }: ServerDeps): Promise<Metrics> {
  return authentication === "none" ? NO_METRICS : registerMetrics(await lazyParts.prometheus(), stats);
}

const ATTEMPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

function registerMetrics(prometheus: typeof import("prom-client"), stats: ServiceStats): Metrics {
  const { Counter, Gauge, Histogram } = prometheus;
  const registry: Registry = new prometheus.Registry();
  const registers = [registry];
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
    due: new Gauge({ name: "whcb_calls_due", help: "Failed calls with a scheduled attempt", registers }),
    inFlight: new Gauge({ name: "whcb_in_flight", help: "Requests to endpoints in flight", registers }),
    openOutages: new Gauge({ name: "whcb_outages_open", help: "Open outages", registers }),
    queuedMails: new Gauge({ name: "whcb_mails_owed", help: "E-mails not sent yet", registers }),
    queuedNotices: new Gauge({ name: "whcb_notices_owed", help: "Notices of outages not sent yet", registers }),
  };
  stats.onAttempt(({ result, durationMs }) => {
    attempts.observe({ outcome: isAccepted(result) ? "success" : "failure" }, durationMs / 1000);
  });
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
      gauges.queuedNotices.set(values.queuedNotices);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

const MAX_SCRAPERS = 16;

export interface MetricsPlace {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
}

/** Without credentials. On loopback not for web pages: they send another Host. Elsewhere a scraper's Host may be any. Rejects as `listen`. */
export async function serveMetrics(metrics: Metrics, { host, port, timers }: MetricsPlace): Promise<Server> {
  const isForAnyHost = !isLoopbackHost(host);
  const server = new Connections({ limit: MAX_SCRAPERS, timers }).createServer(async (request, response) => {
    const { url, headers } = request;
    const fault = protocolFault(request);
    if (fault !== null) return void response.writeHead(fault.status).end();
    if (url !== "/metrics" || !(isForAnyHost || isLoopbackHost((headers.host ?? "").replace(/:\d+$/, "")))) {
      return void response.writeHead(404, { "content-type": "text/plain" }).end("Only /metrics is here\n");
    }
    try {
      const { contentType, text } = await metrics.render();
      response.writeHead(200, { "content-type": contentType }).end(text);
    } catch {
      response.writeHead(503).end();
    }
  });
  await once(server.listen({ host, port }), "listening");
  return server;
}
