/**
 * A replay needs a client, an endpoint that counts, and a folder for journals. All of it is real, but the service where a test scripts it.
 */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { type Client, createClient } from "../../../src/client/client.js";
import type { Transport } from "../../../src/client/transport.js";
import { ANY_ADDRESS } from "../../../src/delivery/address-rule.js";
import { createDeliverer } from "../../../src/delivery/undici-deliverer.js";
import { type Clock, systemClock } from "../../../src/platform/clock.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import type { RunEvent } from "../../../src/runs/journal/run-step.js";
import type { RunDeps } from "../../../src/runs/run-deps.js";
import { lockFile } from "../../../src/store/sqlite/lock-database.js";
import type { Certificate } from "../delivery/certificate.js";
import { newTemporaryFolder } from "../temporary-folders.js";
import { seededRandom } from "../time/seeded-random.js";

export interface CountingEndpoint {
  readonly url: string;
  /** It has the webhook-id of every request that came, in order. */
  readonly received: string[];
  /** Bodies are in the same order. */
  readonly bodies: string[];
  readonly headers: Readonly<Record<string, unknown>>[];
  /** Returns how many requests were in flight at once, at most. */
  mostAtOnce(): number;
  close(): Promise<void>;
}

export interface EndpointAnswer {
  readonly status: number;
  /** It stands beside the status. By default it is the usual one. */
  readonly message?: string;
  readonly headers?: Record<string, string>;
  readonly delayMs?: number;
  /** No answer comes before it resolves. */
  readonly after?: Promise<void>;
}

export interface TlsEndpoint {
  readonly certificate: Certificate;
  /** It is called before the handshake. */
  readonly onConnection: () => void;
}

/** `answer` is asked for each request, with its call and its number (from 1). */
export async function countingEndpoint(
  answer: (callId: string, number: number) => EndpointAnswer = () => ({ status: 200 }),
  tls?: TlsEndpoint,
): Promise<CountingEndpoint> {
  const received: string[] = [];
  const bodies: string[] = [];
  const headers: Readonly<Record<string, unknown>>[] = [];
  let atOnce = 0;
  let most = 0;
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    // This is the registration check.
    if (request.method === "GET") return void response.end();
    most = Math.max(most, ++atOnce);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const callId = String(request.headers["webhook-id"]);
    const number = received.push(callId);
    bodies.push(Buffer.concat(chunks).toString("utf8"));
    headers.push(request.headers);
    const { status, message = STATUS_CODES[status] ?? "", headers: given = {}, delayMs = 0, after } = answer(callId, number);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    await after;
    atOnce--;
    response.writeHead(status, message, given).end("ok");
  };
  const server = tls === undefined ? createServer(receive) : createTlsServer(tls.certificate, receive);
  if (tls !== undefined) server.on("connection", tls.onConnection);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return {
    url: `http${tls === undefined ? "" : "s"}://127.0.0.1:${address.port}/hook`,
    received,
    bodies,
    headers,
    mostAtOnce: () => most,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Desk {
  readonly deps: RunDeps;
  readonly events: RunEvent[];
  readonly listener: (event: RunEvent) => void;
  leave(): Promise<void>;
}

export interface DeskOptions {
  readonly transport?: Transport;
  readonly client?: Client;
  readonly clock?: Clock;
  readonly rate?: number;
  readonly over?: Partial<RunDeps>;
}

export function openDesk({ transport, client, clock = systemClock, rate, over = {} }: DeskOptions): Desk {
  const folder = newTemporaryFolder("whcb-runs-");
  const deliverer = createDeliverer({ clock, timers: systemTimers });
  const random = seededRandom(7);
  const credentials = { apiKey: "k", username: "u", password: "p" };
  const made =
    client ?? (transport && createClient(transport, { credentials, rate: rate ?? null, timezone: "UTC", clock, random }));
  if (made === undefined) throw new Error("A desk needs a client or a transport.");
  const events: RunEvent[] = [];
  return {
    deps: {
      client: made,
      deliverer,
      addressRule: ANY_ADDRESS,
      clock,
      random,
      runsDirectory: join(folder, "runs"),
      profile: "test",
      lockFile,
      who: "ada@desk",
      ...over,
    },
    events,
    listener: (event) => void events.push(event),
    async leave() {
      await made.close();
      await deliverer.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
