/** A throw-away HTTP endpoint on loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { WhcbError } from "../../../domain/errors.js";
import type { Clock } from "../../../platform/clock.js";
import { type Answer, answerTo, type Behaviour } from "./behaviour.js";

export interface Received {
  readonly at: number;
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** null: never answered. */
  readonly status: number | null;
  /** This POST's place among the POSTs; 0 for other methods. */
  readonly number: number;
}

export interface Endpoint {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  setBehaviour(behaviour: Behaviour): void;
  close(): Promise<void>;
}

/** Bodies longer than this are cut off: the platform's own largest message is far smaller. */
const LONGEST_BODY = 10_485_760;

/** Resolves when it is listening. Throws `unavailable` where the port is taken. */
export async function openEndpoint(
  options: { readonly port: number; readonly behaviour: Behaviour; readonly clock: Clock },
  onReceived: (received: Received) => void,
): Promise<Endpoint> {
  const { clock } = options;
  const openedAt = clock.monotonicMs();
  const closing = new AbortController();
  let behaviour = options.behaviour;
  let posts = 0;
  const server = createServer((request, response) => {
    void take(request, response).catch(() => response.destroy());
  });
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = clock.now();
    const method = request.method ?? "";
    const number = method === "POST" ? ++posts : 0;
    const body = await readBody(request);
    const answer: Answer =
      method === "POST"
        ? answerTo(number, clock.monotonicMs() - openedAt, behaviour)
        : { kind: "status", status: 200, delayMs: 0 };
    const { url = "/", headers } = request;
    onReceived({ at, method, url, headers, body, number, status: answer.kind === "status" ? answer.status : null });
    if (answer.kind === "hang") return;
    if (answer.delayMs > 0) await clock.sleepUntil(clock.now() + answer.delayMs, closing.signal);
    response
      .writeHead(answer.status, { "content-type": "text/plain" })
      .end(answer.status === 200 ? "OK\n" : "rehearsed failure\n");
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(options.port, error)));
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    setBehaviour(next) {
      behaviour = next;
    },
    close() {
      closing.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += Buffer.byteLength(chunk);
    if (size <= LONGEST_BODY) chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}

function cannotListen(port: number, cause: Error): WhcbError {
  const isTaken = "code" in cause && cause.code === "EADDRINUSE";
  return new WhcbError("unavailable", isTaken ? `port ${port} is taken` : `can't listen on port ${port}: ${cause.message}`, {
    hint: "--port 0 takes any free port",
    cause,
  });
}
