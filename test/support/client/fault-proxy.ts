/**
 * This proxy on loopback, in front of a callbacks service, does what networks and gateways do: it refuses, breaks, cuts, is slow, and gives
 * pages twice or shifted. The seed decides when a fault strikes.
 */
import { once } from "node:events";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { seededRandom } from "../time/seeded-random.js";

export type Fault = "429" | "403-qps" | "500" | "cut-before" | "cut-after" | "slow" | "page-again" | "page-shifted";

export interface FaultProxy {
  readonly url: string;
  /** Each fault happened so often. */
  readonly counts: Readonly<Record<Fault, number>>;
  close(): Promise<void>;
}

export interface FaultOptions {
  readonly target: string;
  readonly seed: number;
  /** This share of the requests, in [0,1], meets a fault. */
  readonly share: number;
  /** Asks for no longer pages than this, so that a short list takes many requests too. */
  readonly pageSize?: number;
  /** While it returns seconds, marks are answered with 429 and these as Retry-After. */
  readonly markPause?: () => number | null;
}

const FAULTS: readonly Fault[] = ["429", "403-qps", "500", "cut-before", "cut-after", "slow", "page-again", "page-shifted"];
const SLOW_MS = 120;
const SHIFTED_BY = 3;

export async function startFaultProxy({ target, seed, share, pageSize, markPause }: FaultOptions): Promise<FaultProxy> {
  const random = seededRandom(seed);
  const counts = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  /** These are the items of the list page before, by list. */
  const lastItems = new Map<string, unknown[]>();

  let faults = 0;

  /** The time is random; the kinds take turns, so that none is missing in a short run. */
  function fateOf(): Fault | null {
    return random.fraction() < share ? (FAULTS[faults++ % FAULTS.length] ?? null) : null;
  }

  const server = createServer(async (incoming, outgoing) => {
    const body = await bytesOf(incoming);
    const pause = incoming.method === "PUT" && /\/calls\?/.test(incoming.url ?? "") ? (markPause?.() ?? null) : null;
    if (pause !== null) return void outgoing.writeHead(429, { "retry-after": String(pause) }).end();
    const fate = fateOf();
    if (fate === "429" || fate === "403-qps" || fate === "500") {
      counts[fate]++;
      return refuse(outgoing, fate);
    }
    if (fate === "cut-before") {
      counts[fate]++;
      return outgoing.destroy();
    }
    const path = incoming.url ?? "/";
    const url = target + (pageSize === undefined ? path : path.replace(/\blimit=\d+/, `limit=${pageSize}`));
    const answer = await passOn(url, incoming, body);
    if (fate === "cut-after") {
      counts[fate]++;
      return outgoing.destroy();
    }
    if (fate === "slow") {
      counts[fate]++;
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    }
    const list = incoming.method === "GET" && /\/calls\?/.test(path) ? "calls" : null;
    outgoing.writeHead(answer.status, answer.headers).end(list === null ? answer.body : spoil(answer.body, fate));
  });

  /** In page-again, the page before comes once more in front. In page-shifted, rows moved up while one read, so some are never shown. */
  function spoil(body: Buffer, fate: Fault | null): Buffer {
    const page = JSON.parse(body.toString("utf8"));
    if (!Array.isArray(page.calls)) return body;
    const before = lastItems.get("calls") ?? [];
    const { calls } = page;
    lastItems.set("calls", calls);
    if (fate === "page-again" && before.length > 0) {
      counts[fate]++;
      return Buffer.from(JSON.stringify({ ...page, calls: [...before, ...calls] }));
    }
    if (fate === "page-shifted" && calls.length > SHIFTED_BY && page.link?.length > 0) {
      counts[fate]++;
      return Buffer.from(JSON.stringify({ ...page, calls: calls.slice(SHIFTED_BY) }));
    }
    return body;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port.");
  return {
    url: `http://127.0.0.1:${address.port}`,
    counts,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function refuse(outgoing: ServerResponse, fault: "429" | "403-qps" | "500"): void {
  const body = JSON.stringify({ errorSummary: fault, errorText: fault, errorDetail: fault });
  if (fault === "500") outgoing.writeHead(500);
  else if (fault === "429") outgoing.writeHead(429, { "retry-after": "0" });
  else outgoing.writeHead(403, { "x-error-code": "ERR_403_DEVELOPER_OVER_QPS", "x-error-detail": "over the limit" });
  outgoing.end(body);
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface PassedOn {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

async function passOn(url: string, incoming: IncomingMessage, body: Buffer): Promise<PassedOn> {
  const outgoing = forward(url, { method: incoming.method ?? "GET", headers: incoming.headers });
  outgoing.end(body);
  const [answer]: IncomingMessage[] = await once(outgoing, "response");
  if (answer === undefined) throw new Error("No answer came.");
  const type = answer.headers["content-type"];
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  return { status: answer.statusCode ?? 500, headers, body: await bytesOf(answer) };
}
