/** After an outage: `whcb serve` as a process, a callback whose calls all failed, and its endpoint, repaired and counting, in this process. */
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { eventually, type Home, type Outcome, type Running, type RunOptions } from "../process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint, type EndpointAnswer, type TlsEndpoint } from "./replay-desk.js";

export interface ReplayOutage {
  readonly serving: Running;
  readonly callIds: readonly string[];
  /** Calls that reached the repaired endpoint, in order. */
  received(): readonly string[];
  /** Resolves when the repaired endpoint has got so many requests; it hasn't answered the last yet. */
  hasReceived(requests: number): Promise<void>;
  failedIds(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** `answer` is asked for each request after the outage, with its number (from 1). */
export async function replayOutage(
  home: Home,
  calls: number,
  answer: (callId: string, number: number) => EndpointAnswer = () => ({ status: 200 }),
  { tls, ...options }: RunOptions & { readonly tls?: TlsEndpoint } = {},
): Promise<ReplayOutage> {
  let failures = 0;
  let isRepaired = false;
  const arrivals = new EventTarget();
  const endpoint: CountingEndpoint = await countingEndpoint((callId, number) => {
    if (!isRepaired) {
      failures += 1;
      return { status: 503 };
    }
    const answered = answer(callId, number - failures);
    arrivals.dispatchEvent(new Event("request"));
    return answered;
  }, tls);
  const serving = await home.serve(["--no-endpoint-check", "--log-level", "warn"], options);
  await works(home, ["callbacks", "create", "--name", "demo", "--url", endpoint.url, "--email", "ops@example.com"]);
  await works(home, ["trigger", "demo", "-n", String(calls)]);
  const listed = (...flags: string[]) => idsOf(home, ["calls", "list", "demo", ...flags, "--all"]);
  await eventually(
    () => idsOf(home, ["calls", "list", "demo", "--pending", "--limit", "1"]),
    (pending) => pending.length === 0,
    60_000 + 2 * calls,
  );
  const callIds = await listed("--failed");
  if (callIds.length !== calls) throw new Error(`${callIds.length} calls failed, not ${calls}`);
  isRepaired = true;
  const received = () => endpoint.received.slice(failures);
  return {
    serving,
    callIds,
    received,
    async hasReceived(requests) {
      while (received().length < requests) await once(arrivals, "request");
    },
    failedIds: () => listed("--failed"),
    close: endpoint.close,
  };
}

/** Runs a command that must end with 0; what it wrote on stdout. */
export async function works(home: Home, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr }: Outcome = await home.whcb(args, options);
  if (code !== 0) throw new Error(`whcb ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

export async function idsOf(home: Home, args: readonly string[]): Promise<readonly string[]> {
  return (await works(home, [...args, "-o", "ids"])).split("\n").filter((id) => id !== "");
}

export interface JournaledRun {
  readonly runId: string;
  readonly planned: readonly string[];
  readonly accepted: ReadonlySet<string>;
  readonly marked: ReadonlySet<string>;
}

/** What the newest journal holds, read without the product's reader; null where there is none yet. A torn last line isn't there. */
export function newestJournal(home: Home): JournaledRun | null {
  const folder = home.path("data", "runs");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ndjson")) : [];
  const newest = names.sort().at(-1);
  if (newest === undefined) return null;
  const lines: { step: string; call?: string; calls?: string[] }[] = readFileSync(`${folder}/${newest}`, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const callsOf = (step: string) =>
    lines.filter((line) => line.step === step).flatMap(({ call, calls }) => calls ?? [call ?? ""]);
  return {
    runId: newest.replace(".ndjson", ""),
    planned: callsOf("planned"),
    accepted: new Set(callsOf("accepted")),
    marked: new Set(callsOf("marked")),
  };
}
