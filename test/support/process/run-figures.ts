/** What must agree after a run under load: what reached its endpoints, and what the service lists. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ServedApi } from "./served-api.js";
import { eventually } from "./whcb-process.js";

/** The first word of the receiver's path. */
export type EndpointKind = "ok" | "prompt" | "slow" | "flaky" | "down";

/** A callback, and the ids of the calls that were accepted for it. */
export interface Target {
  readonly kind: EndpointKind;
  readonly id: string;
  readonly path: string;
  readonly accepted: Set<string>;
}

export interface RunFigures {
  readonly endpoints: readonly EndpointFigures[];
  /** Names of files in the mail folders. */
  readonly mails: readonly string[];
  readonly outageIds: readonly string[];
  readonly stderr: string;
}

export interface EndpointFigures {
  readonly kind: EndpointKind;
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

/** Flags of `whcb serve`. */
export const SERVE = ["--retry-interval", "1s", "--no-endpoint-check", "--log-level", "warn"];

/** A request that the receiver got. */
export interface Line {
  readonly path: string;
  /** The call's id. */
  readonly id: string;
  readonly isAccepted: boolean;
  readonly at: number;
}

/** The file that the receiver writes. */
export class RequestLog {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  lines(): Line[] {
    if (!existsSync(this.file)) return [];
    return readFileSync(this.file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [path = "", id = "", status, at] = line.split(" ");
        return { path, id, isAccepted: status === "200", at: Number(at) };
      });
  }
}

/** What it receives is written to the first of the files. If there is a second, it has the key and the certificate for TLS. */
export async function startReceiver(...files: readonly string[]): Promise<{ readonly url: string; stop(): void }> {
  const receiver = spawn(process.execPath, [join(import.meta.dirname, "logging-receiver.mjs"), ...files], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(receiver.stdout, "data");
  return { url: String(line).trim(), stop: () => void receiver.kill("SIGKILL") };
}

/** Resolves when no call waits for its first attempt, endpoints that are up have all theirs, and every outage was notified. */
export async function settled(api: ServedApi, targets: readonly Target[]): Promise<void> {
  for (const { id, kind } of targets) {
    await eventually(
      () => api.count(id, "PENDING"),
      (pending) => pending === 0,
      120_000,
    );
    if (kind === "flaky" || kind === "down") continue;
    await eventually(
      () => api.count(id, "FAILED"),
      (failed) => failed === 0,
    );
  }
  await eventually(
    () => outagesOf(api, targets),
    (outages) => outages.every(({ notifiedAt }) => notifiedAt !== undefined),
    150_000,
  );
}

/** The service must have stopped sending. */
export async function readFigures(
  api: ServedApi,
  targets: readonly Target[],
  lines: readonly Line[],
  mailFolders: readonly string[],
): Promise<Omit<RunFigures, "stderr">> {
  const endpoints: EndpointFigures[] = [];
  for (const target of targets) endpoints.push(await figuresOf(api, target, lines));
  return {
    endpoints,
    mails: mailFolders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : [])),
    outageIds: (await outagesOf(api, targets)).map(({ id }) => id),
  };
}

async function outagesOf(api: ServedApi, targets: readonly Target[]) {
  return (await Promise.all(targets.map(({ id }) => api.outages(id)))).flat();
}

async function figuresOf(api: ServedApi, { kind, id, path, accepted }: Target, lines: readonly Line[]): Promise<EndpointFigures> {
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
