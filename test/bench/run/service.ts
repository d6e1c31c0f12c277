/** The built `whcb serve`, and how its callers let themselves in. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { request } from "undici";
import { MEASURING } from "./contender.js";
import { cpuOfProcesses } from "./process-cpu.mjs";
import { SECRET_KEY } from "./sample.js";
import type { Figures, Scope, Started } from "./scope.js";

export const CREDENTIALS = { username: "bench", password: "bench-password", apiKey: "bench-api-key" };

export const HEADERS = {
  authorization: `Basic ${Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString("base64")}`,
  "x-api-key": CREDENTIALS.apiKey,
  accept: "application/json",
};

const LOOK_EVERY_MS = 250;

export interface ServiceOptions {
  /** A file, or a URL of PostgreSQL. */
  readonly database: string;
  readonly dispatch: boolean;
  readonly flags?: readonly string[];
  readonly nodeOptions?: readonly string[];
}

export interface RunningService extends Started {
  readonly url: string;
}

export async function startBenchService(scope: Scope, options: ServiceOptions): Promise<RunningService> {
  const { database, dispatch, flags = [], nodeOptions = [] } = options;
  const serve = ["serve", "--port", "0", "--no-endpoint-check", ...(dispatch ? [] : ["--no-dispatch"])];
  const started = await scope.startScript("serve", [...nodeOptions, whcbOf(scope), ...serve, ...flags], {
    // Not as --db: a URL may have a password.
    env: { ...commandEnv(scope), WHCB_DB: database },
    // What it logs, and why it can't start.
    isWorthShowing: (line) => /^(\{|error)/.test(line),
  });
  return { ...started, url: started.line.replace(/^Listening on /, "") };
}

/** Of its metrics. */
export type Gauge = "whcb_calls_waiting" | "whcb_outages_open" | "whcb_mails_owed";

export async function untilGauge({ url }: RunningService, gauge: Gauge, wanted: number): Promise<void> {
  for (;;) {
    const answer = await request(`${url}/metrics`, { headers: HEADERS });
    const text = await answer.body.text();
    if (text.includes(`\n${gauge} ${wanted}\n`)) return;
    await delay(LOOK_EVERY_MS);
  }
}

export function whcbOf(scope: Scope): string {
  return join(scope.places.repository, "bin", "whcb.js");
}

/** Of a user with nothing set, whose settings and data are the benchmark's. NODE_EXTRA_CA_CERTS would slow every start down. */
export function commandEnv(scope: Scope): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH ?? "",
    HOME: scope.folder,
    TMPDIR: scope.folder,
    WHCB_CONFIG_DIR: join(scope.folder, "config"),
    WHCB_DATA_DIR: join(scope.folder, "data"),
    WHCB_USERNAME: CREDENTIALS.username,
    WHCB_PASSWORD: CREDENTIALS.password,
    WHCB_API_KEY: CREDENTIALS.apiKey,
    WHCB_SECRET_KEY: Buffer.from(SECRET_KEY).toString("base64"),
  };
}

/**
 * Runs a contender that puts load on `server` and prints how many `items` it measured. Adds the CPU that each took the server, with the
 * processes that keep its data, and its longest pause.
 */
export async function measureLoad(
  scope: Scope,
  server: Started,
  {
    contender,
    options,
    stores = [],
  }: { readonly contender: string; readonly options: object; readonly stores?: readonly number[] },
): Promise<Figures> {
  let before = Number.NaN;
  let ended: Promise<{ readonly cpuMs: number; readonly pauseMs: number }> | null = null;
  const { items = Number.NaN, ...figures } = await scope.measure(contender, options, {
    onMark(mark) {
      if (mark === MEASURING) {
        before = cpuOfProcesses(stores);
        server.probe.begin();
      } else {
        const storesMs = stores.length === 0 ? 0 : cpuOfProcesses(stores) - before;
        ended = server.probe.end().then(({ cpuMs, pauseMs }) => ({ cpuMs: cpuMs + storesMs, pauseMs }));
      }
    },
  });
  if (ended === null) throw new Error(`${contender} measured nothing`);
  const { cpuMs, pauseMs } = await ended;
  return { ...figures, cpuUs: (cpuMs / items) * 1_000, pauseMs };
}
