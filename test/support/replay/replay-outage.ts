/** After an outage, all calls of a callback have failed, and the endpoint, in this process, is repaired and counts. */
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { CliMachine } from "../cli/cli-service.js";
import { serveHere } from "../process/serve-here.js";
import { apiOf, callIdOf, type ServedApi } from "../process/served-api.js";
import { eventually, type Home, type Outcome, type RunOptions } from "../process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint, type EndpointAnswer, type TlsEndpoint } from "./replay-desk.js";

export interface ReplayOutage {
  readonly callIds: readonly string[];
  /** Returns the calls that reached the repaired endpoint, in order. */
  received(): readonly string[];
  /** Resolves when the repaired endpoint has got so many requests. It hasn't answered the last one yet. */
  hasReceived(requests: number): Promise<void>;
  failedIds(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface OutageOptions {
  readonly tls?: TlsEndpoint;
  /** A `whcb serve` with the flags of `OUTAGE_SERVICE` runs in this home already. By default it is started in this process. */
  readonly isServed?: boolean;
}

export const OUTAGE_SERVICE = ["--no-endpoint-check", "--log-level", "warn"];

/** `answer` is asked for each request after the outage, with its number (from 1). */
export async function replayOutage(
  home: Home,
  calls: number,
  answer: (callId: string, number: number) => EndpointAnswer = () => ({ status: 200 }),
  { tls, isServed = false }: OutageOptions = {},
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
  const service = isServed ? null : await serveHere(home, OUTAGE_SERVICE);
  const api = apiOf(home);
  await api.create({ name: "demo", url: endpoint.url, retriesEnabled: false });
  const callIds = Array.from({ length: calls }, (_, index) => callIdOf(index));
  await submit(api, callIds);
  await eventually(
    () => api.count("demo", "FAILED"),
    (failed) => failed === calls,
    60_000 + 2 * calls,
  );
  isRepaired = true;
  const received = () => endpoint.received.slice(failures);
  return {
    callIds,
    received,
    async hasReceived(requests) {
      while (received().length < requests) await once(arrivals, "request");
    },
    failedIds: async () => (await apiOf(home).list("demo", "FAILED")).map(({ id }) => id),
    async close() {
      await endpoint.close();
      await service?.stop();
    },
  };
}

/** Submits replies of the usual size, as `whcb trigger` does. */
async function submit(api: ServedApi, ids: readonly string[]): Promise<void> {
  const lines = ids.map((id, index) => {
    const from = { name: `Person ${index}`, mri: "", mobile: "61491570156", email: "", voice: "" };
    const responseMessage = { channel: "SMS", date: "24/11/26 09:30", content: `Yes, I can come (reply ${index})` };
    return JSON.stringify({ id, messageId: id, from, responseMessage });
  });
  const headers = { "content-type": "application/x-ndjson" };
  const answer = await api.fetch("/callbacks/demo/calls", { method: "POST", headers, body: lines.join("\n") });
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
}

/** Runs a command that must end with 0, and returns its stdout. It is a process if it has options. */
export async function works(home: Home, args: readonly string[], options?: RunOptions): Promise<string> {
  const { code, stdout, stderr }: Outcome =
    options === undefined ? await new CliMachine({}, home.paths).whcb(args) : await home.whcb(args, options);
  if (code !== 0) throw new Error(`whcb ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

export async function idsOf(home: Home, args: readonly string[], options?: RunOptions): Promise<readonly string[]> {
  return (await works(home, [...args, "-o", "ids"], options)).split("\n").filter((id) => id !== "");
}

export interface JournaledRun {
  readonly runId: string;
  readonly planned: readonly string[];
  readonly accepted: ReadonlySet<string>;
  readonly marked: ReadonlySet<string>;
}

/** Reads the newest journal without the product's reader, and leaves out a torn last line. Returns null if there is none yet. */
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
