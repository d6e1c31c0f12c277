import { once } from "node:events";
import type { Server } from "node:http";
import type { Registry } from "prom-client";
import { isAccepted } from "../../domain/attempt.js";
import type { Clock, Timers } from "../../platform/clock.js";
import { isLoopbackHost } from "../../platform/loopback.js";
import type { Gauges } from "../../store/open-store.js";
import { Connections } from "../connections.js";
import { lazyParts } from "../lazy-parts.js";
import { protocolFault } from "../requests/protocol-fault.js";
import type { ServerDeps } from "../server-deps.js";

export interface Metrics {
  accepted(count: number): void;
  answered(request: AnsweredRequest): void;
  /** Renders the text format of Prometheus. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface AnsweredRequest {
  readonly method: string;
  /** `route` is the route's pattern, which has few values. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** A command's own service isn't scraped. */
export const NO_METRICS: Metrics = {
  accepted() {},
  answered() {},
  render: async () => ({ contentType: "text/plain", text: "" }),
};

export async function createMetrics(deps: ServerDeps): Promise<Metrics> {
  return deps.localUser !== null ? NO_METRICS : registerMetrics(await lazyParts.prometheus(), deps);
}

const ATTEMPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

function registerMetrics(prometheus: typeof import("prom-client"), deps: ServerDeps): Metrics {
  const { store, clock, countInFlight, onAttempt, onCommit, onLeaseLost, readDisk, egressFailure } = deps;
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
  const commits = new Histogram({
    name: "whcb_commit_seconds",
    help: "Commits of outcomes to the database",
    buckets: COMMIT_SECONDS,
    registers,
  });
  const leases = new Counter({
    name: "whcb_leases_lost_total",
    help: "Times that this dispatcher's lease on the database had ended",
    registers,
  });
  const deadRows = new Gauge({
    name: "whcb_dead_rows",
    help: "Rows of PostgreSQL's tables that VACUUM has not removed yet",
    labelNames: ["table"] as const,
    registers,
  });
  const oldestSnapshot = new Gauge({
    name: "whcb_oldest_snapshot_transactions",
    help: "Transactions since the oldest snapshot that PostgreSQL keeps rows for",
    registers,
  });
  const gauges = [
    gauge("whcb_calls_waiting", "Calls accepted and not attempted yet", ({ waiting }) => waiting),
    gauge("whcb_calls_paused", "Calls that wait for the end of a pause", ({ paused }) => paused),
    gauge(
      "whcb_oldest_waiting_seconds",
      "Age of the oldest call that waits for its first attempt to end, but for a pause",
      ({ oldestWaitingAt }) => (oldestWaitingAt === null ? 0 : Math.max(0, (clock.now() - oldestWaitingAt) / 1_000)),
    ),
    gauge("whcb_calls_due", "Failed calls with a scheduled attempt", ({ due }) => due),
    gauge("whcb_calls_expired", "Failed calls that are not retried any more", ({ expired }) => expired),
    gauge("whcb_in_flight", "Requests to endpoints in flight", () => countInFlight()),
    gauge("whcb_egress_proxy_failing", "1 while the egress proxy can not be used", () => Number(egressFailure() !== null)),
    gauge("whcb_outages_open", "Open outages", ({ openOutages }) => openOutages),
    gauge("whcb_mails_owed", "E-mails not sent yet", ({ queuedMails }) => queuedMails),
    gauge("whcb_notices_owed", "Notices not sent yet", ({ queuedNotices }) => queuedNotices),
  ];
  onAttempt(({ result, durationMs }) => {
    attempts.observe({ outcome: isAccepted(result) ? "success" : "failure" }, durationMs / 1000);
  });

  onCommit((seconds) => commits.observe(seconds));
  onLeaseLost(() => leases.inc());
  const updateDisk = readDisk === null ? null : diskGauges(readDisk);

  function diskGauges(read: NonNullable<ServerDeps["readDisk"]>): () => Promise<void> {
    const free = new Gauge({ name: "whcb_disk_free_bytes", help: "Free space of the database's disk", registers });
    const size = new Gauge({ name: "whcb_disk_size_bytes", help: "Size of the database's disk", registers });
    return async () => {
      const { freeBytes, sizeBytes } = await read();
      free.set(freeBytes);
      size.set(sizeBytes);
    };
  }

  function gauge(name: string, help: string, read: (values: Gauges) => number): (values: Gauges) => void {
    const metric = new Gauge({ name, help, registers });
    return (values) => metric.set(read(values));
  }

  async function render() {
    const values = await store.readGauges();
    for (const update of gauges) update(values);
    for (const { table, rows } of values.deadRows) deadRows.set({ table }, rows);
    if (values.oldestSnapshotTransactions !== null) oldestSnapshot.set(values.oldestSnapshotTransactions);
    await updateDisk?.();
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  return {
    accepted: (count) => accepted.inc(count),
    answered: ({ method, route, status, seconds }) => requests.observe({ method, route, status }, seconds),
    render: atMostOften(clock, render),
  };
}

/** A rendering counts the calls that are due, and the metrics port needs no credentials. */
const RENDER_MS = 1_000;

/** Calls it once at a time, and not within a second of the last time: a caller meanwhile gets that result. */
function atMostOften<Result>(clock: Clock, call: () => Promise<Result>): () => Promise<Result> {
  let latest: Promise<Result> | null = null;
  let validUntilMs = 0;
  return () => {
    if (latest === null || clock.monotonicMs() >= validUntilMs) {
      validUntilMs = Number.POSITIVE_INFINITY;
      latest = call().finally(() => {
        validUntilMs = clock.monotonicMs() + RENDER_MS;
      });
    }
    return latest;
  };
}

const MAX_SCRAPERS = 16;

export interface MetricsPlace {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
}

/**
 * Needs no credentials. On loopback web pages are rejected by their Host; elsewhere a scraper's Host may be any. Rejects as
 * `listen` does.
 */
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
