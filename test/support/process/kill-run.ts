/** `whcb serve` killed again and again under load, with a ledger of everything that reached its endpoints. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { callIdOf, type ListedCall, ServedApi, USER_ENV } from "./served-api.js";
import { eventually, type Home, type Running } from "./whcb-process.js";

export interface KillRunOptions {
  readonly kills: number;
  /** First words of the receiver's paths; each makes one callback. */
  readonly endpoints: readonly ("ok" | "slow" | "flaky" | "down")[];
  /** Responses submitted at once. */
  readonly batch: number;
  /** In [0,1). */
  readonly unit: () => number;
}

export interface EndpointFigures {
  readonly kind: string;
  readonly accepted: number;
  /** Distinct calls that the receiver answered with 200. */
  readonly delivered: number;
  readonly failed: number;
  /** Accepted, and neither of the two: must be none. */
  readonly lost: readonly string[];
  /** Requests for a call that had been answered with 200 before. */
  readonly repeats: number;
  /** Requests that aren't among the attempts. */
  readonly unrecorded: number;
  readonly pending: number;
  /** Counters and rows, of SUCCESS and FAILED. */
  readonly counted: readonly number[];
  readonly rows: readonly number[];
  readonly outages: number;
  readonly notified: number;
}

export interface KillFigures {
  readonly kills: number;
  readonly endpoints: readonly EndpointFigures[];
  /** Calls that were read as SUCCESS and sent after that: must be none. */
  readonly sentAfterSuccess: readonly string[];
  /** Names of files in the mail folder. */
  readonly mails: readonly string[];
  readonly outageIds: readonly string[];
  /** From "Listening" to the first request after it, at most; ms. */
  readonly slowestRestartMs: number;
  readonly stderr: string;
}

export interface Target {
  readonly kind: string;
  readonly id: string;
  readonly path: string;
  readonly accepted: Set<string>;
}

interface Line {
  readonly path: string;
  readonly id: string;
  readonly isAccepted: boolean;
}

export class Ledger {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  lines(): Line[] {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [path = "", id = "", status] = line.split(" ");
        return { path, id, isAccepted: status === "200" };
      });
  }
}

export const SERVE = ["--retry-interval", "1s", "--no-endpoint-check", "--log-level", "warn"];

export async function killRun(home: Home, options: KillRunOptions): Promise<KillFigures> {
  const { kills, endpoints, batch, unit } = options;
  const ledger = new Ledger(home.path("ledger"));
  const receiver = await startReceiver(home.path("ledger"));
  try {
    const receiverUrl = receiver.url;
    let serving = await serve(home, "0");
    const port = new URL(serving.api.url).port;
    const targets: Target[] = [];
    for (const [index, kind] of endpoints.entries()) {
      const path = `/${kind}/${index}`;
      const id = await serving.api.create({ name: `${kind}-${index}`, url: receiverUrl + path });
      targets.push({ kind, id, path, accepted: new Set() });
    }

    const producing = new AbortController();
    const producers = targets.map((target, index) =>
      produce(serving.api, target, { batch, prefix: `p${index}`, signal: producing.signal }),
    );
    /** The ledger's length when an id was read as SUCCESS. */
    const successReadAt = new Map<string, number>();
    let slowestRestartMs = 0;
    let stderr = "";
    for (let kill = 0; kill < kills; kill += 1) {
      await delay(150 + unit() * 850);
      await readSuccesses(serving.api, targets, successReadAt, ledger);
      await delay(unit() * 60);
      stderr += (await serving.server.stop("SIGKILL")).stderr;
      const before = ledger.lines().length;
      serving = await serve(home, port);
      const listening = performance.now();
      await eventually(
        async () => ledger.lines().length,
        (length) => length > before,
      );
      slowestRestartMs = Math.max(slowestRestartMs, performance.now() - listening);
    }
    producing.abort();
    await Promise.all(producers);
    for (const target of targets) {
      await eventually(
        () => serving.api.count(target.id, "PENDING"),
        (pending) => pending === 0,
        60_000,
      );
      const mustSucceed = target.kind === "ok" || target.kind === "slow";
      if (mustSucceed)
        await eventually(
          () => serving.api.count(target.id, "FAILED"),
          (failed) => failed === 0,
          60_000,
        );
    }
    await eventually(
      () => outagesOf(serving.api, targets),
      (outages) => outages.every(({ notifiedAt }) => notifiedAt !== undefined),
    );
    const stopped = await serving.server.stop();
    stderr += stopped.stderr;
    if (stopped.code !== 0) throw new Error(`the last stop ended with ${stopped.code}: ${stopped.stderr}`);

    // Nothing moves any more: what is on disk is compared with the ledger.
    const quiet = await serve(home, port, ["--no-dispatch"]);
    const lines = ledger.lines();
    const figures: EndpointFigures[] = [];
    for (const target of targets) figures.push(await figuresOf(quiet.api, target, lines));
    const outageIds = (await outagesOf(quiet.api, targets)).map(({ id }) => id);
    await quiet.server.stop();
    return {
      kills,
      endpoints: figures,
      sentAfterSuccess: lines.flatMap(({ id }, at) => ((successReadAt.get(id) ?? Number.POSITIVE_INFINITY) <= at ? [id] : [])),
      mails: existsSync(home.path("mail")) ? readdirSync(home.path("mail")) : [],
      outageIds,
      slowestRestartMs,
      stderr,
    };
  } finally {
    receiver.stop();
  }
}

/** Writes what it receives to the file. */
export async function startReceiver(ledgerFile: string): Promise<{ readonly url: string; stop(): void }> {
  const receiver = spawn(process.execPath, [join(import.meta.dirname, "ledger-receiver.mjs"), ledgerFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(receiver.stdout, "data");
  return { url: String(line).trim(), stop: () => void receiver.kill("SIGKILL") };
}

async function serve(home: Home, port: string, args: readonly string[] = []): Promise<{ server: Running; api: ServedApi }> {
  const server = await home.serve(["--port", port, ...SERVE, ...args], { env: USER_ENV });
  return { server, api: new ServedApi(server.url) };
}

/** Submits responses until stopped, repeating each batch until it is accepted. The port stays the same over all restarts. */
async function produce(
  api: ServedApi,
  target: Target,
  { batch, prefix, signal }: { readonly batch: number; readonly prefix: string; readonly signal: AbortSignal },
): Promise<void> {
  for (let next = 0; !signal.aborted; next += batch) {
    const ids = Array.from({ length: batch }, (_, index) => callIdOf(next + index, prefix));
    while (!signal.aborted) {
      const status = await api.hand(target.id, ids).then(
        async (response) => {
          await response.text();
          return response.status;
        },
        () => 0,
      );
      if (status === 202) {
        for (const id of ids) target.accepted.add(id);
        break;
      }
      await delay(20);
    }
    await delay(10);
  }
}

async function readSuccesses(
  api: ServedApi,
  targets: readonly Target[],
  readAt: Map<string, number>,
  ledger: Ledger,
): Promise<void> {
  for (const { id } of targets) {
    const response = await api.fetch(`/callbacks/${id}/calls?status=SUCCESS&limit=500`);
    const page: { calls?: ListedCall[] } = JSON.parse(await response.text());
    const length = ledger.lines().length;
    for (const call of page.calls ?? []) if (!readAt.has(call.id)) readAt.set(call.id, length);
  }
}

export async function outagesOf(api: ServedApi, targets: readonly Target[]) {
  return (await Promise.all(targets.map(({ id }) => api.outages(id)))).flat();
}

export async function figuresOf(
  api: ServedApi,
  { kind, id, path, accepted }: Target,
  lines: readonly Line[],
): Promise<EndpointFigures> {
  const [succeeded, failed, pending] = [
    await api.list(id, "SUCCESS"),
    await api.list(id, "FAILED"),
    await api.list(id, "PENDING"),
  ];
  const failedIds = new Set(failed.map((call) => call.id));
  const delivered = new Set<string>();
  let repeats = 0;
  let requests = 0;
  for (const line of lines) {
    if (line.path !== path) continue;
    requests += 1;
    if (delivered.has(line.id)) repeats += 1;
    if (line.isAccepted) delivered.add(line.id);
  }
  const attempts = [...succeeded, ...failed].reduce((sum, { attemptCount }) => sum + attemptCount, 0);
  const outages = await api.outages(id);
  return {
    kind,
    accepted: accepted.size,
    delivered: delivered.size,
    failed: failed.length,
    lost: [...accepted].filter((callId) => !delivered.has(callId) && !failedIds.has(callId)),
    repeats,
    unrecorded: requests - attempts,
    pending: pending.length,
    counted: [await api.count(id, "SUCCESS"), await api.count(id, "FAILED")],
    rows: [succeeded.length, failed.length],
    outages: outages.length,
    notified: outages.filter(({ notifiedAt }) => notifiedAt !== undefined).length,
  };
}
