/** `whcb serve` killed again and again under load, with a log of everything that reached its endpoints. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../../src/platform/random.js";
import {
  type EndpointKind,
  RequestLog,
  type RunFigures,
  readFigures,
  SERVE,
  settled,
  startReceiver,
  type Target,
} from "./run-figures.js";
import { callIdOf, type ListedCall, ServedApi, USER_ENV } from "./served-api.js";
import { eventually, type Home, type Running } from "./whcb-process.js";

export interface KillRunOptions {
  readonly kills: number;
  /** Each makes one callback. */
  readonly endpoints: readonly EndpointKind[];
  /** Responses submitted at once. */
  readonly batch: number;
  readonly random: Random;
}

export interface KillFigures extends RunFigures {
  readonly kills: number;
  /** Calls that were read as SUCCESS and sent after that: must be none. */
  readonly sentAfterSuccess: readonly string[];
  /** The longest time from "Listening" to the first request after it. */
  readonly slowestRestartMs: number;
}

export async function killRun(home: Home, options: KillRunOptions): Promise<KillFigures> {
  const { kills, endpoints, batch, random } = options;
  const requestLog = new RequestLog(home.path("requests"));
  const receiver = await startReceiver(home.path("requests"));
  try {
    let serving = await serve(home, "0");
    const port = new URL(serving.api.url).port;
    const targets: Target[] = [];
    for (const [index, kind] of endpoints.entries()) {
      const path = `/${kind}/${index}`;
      const id = await serving.api.create({ name: `${kind}-${index}`, url: receiver.url + path });
      targets.push({ kind, id, path, accepted: new Set() });
    }

    const producing = new AbortController();
    const producers = targets.map((target, index) =>
      produce(serving.api, target, { batch, prefix: `p${index}`, signal: producing.signal }),
    );
    /** The log's length when an id was read as SUCCESS. */
    const successReadAt = new Map<string, number>();
    let slowestRestartMs = 0;
    let stderr = "";
    for (let kill = 0; kill < kills; kill += 1) {
      await delay(150 + random.fraction() * 850);
      await readSuccesses(serving.api, targets, successReadAt, requestLog);
      await delay(random.fraction() * 60);
      stderr += (await serving.server.stop("SIGKILL")).stderr;
      const before = requestLog.lines().length;
      serving = await serve(home, port);
      const listening = performance.now();
      await eventually(
        async () => requestLog.lines().length,
        (length) => length > before,
      );
      slowestRestartMs = Math.max(slowestRestartMs, performance.now() - listening);
    }
    producing.abort();
    await Promise.all(producers);
    await settled(serving.api, targets);
    const stopped = await serving.server.stop();
    stderr += stopped.stderr;
    if (stopped.code !== 0) throw new Error(`the last stop ended with ${stopped.code}: ${stopped.stderr}`);

    // Nothing moves any more: what is on disk is compared with the log.
    const quiet = await serve(home, port, ["--no-dispatch"]);
    const lines = requestLog.lines();
    const figures = await readFigures(quiet.api, targets, lines, [home.path("mail")]);
    await quiet.server.stop();
    return {
      ...figures,
      kills,
      sentAfterSuccess: lines.flatMap(({ id }, at) => ((successReadAt.get(id) ?? Number.POSITIVE_INFINITY) <= at ? [id] : [])),
      slowestRestartMs,
      stderr,
    };
  } finally {
    receiver.stop();
  }
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
  requestLog: RequestLog,
): Promise<void> {
  for (const { id } of targets) {
    const response = await api.fetch(`/callbacks/${id}/calls?status=SUCCESS&limit=500`);
    const page: { calls?: ListedCall[] } = JSON.parse(await response.text());
    const length = requestLog.lines().length;
    for (const call of page.calls ?? []) if (!readAt.has(call.id)) readAt.set(call.id, length);
  }
}
