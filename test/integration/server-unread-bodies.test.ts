import { once } from "node:events";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import type { Timers } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { Connections, LINGER_MS } from "../../src/server/connections.js";

let server: Server;
afterEach(() => void server.close().closeAllConnections());

async function serve(handler: RequestListener, timers: Timers = systemTimers): Promise<void> {
  server = new Connections({ limit: 1000, timers }).createServer(handler);
  await once(server.listen(0, "127.0.0.1"), "listening");
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

function post(pieces: readonly string[]): string {
  const chunks = [...pieces, ""].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}`;
}

/** Sends all at once, and resolves when all are answered. */
async function send(requests: readonly string[]): Promise<void> {
  const address = server.address();
  const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
  socket.setEncoding("utf8").write(requests.join(""));
  let text = "";
  while (text.split("HTTP/1.1 200 OK").length <= requests.length) text += (await once(socket, "data"))[0];
  socket.destroy();
}

it("keeps an unread body in two pieces, however many it came in", async () => {
  const pieces: Buffer[] = [];
  let answerFirst = (): void => undefined;
  await serve((request, response) => {
    if (request.method === "GET") answerFirst = () => response.end();
    else request.on("data", (piece: Buffer) => pieces.push(piece)).once("end", () => response.end());
  });
  let arrived = 0;
  // The last one's arrival shows that the body has arrived.
  server.on("request", () => ++arrived === 3 && answerFirst());
  const text = Array.from({ length: 10_000 }, (_, index) => String(index % 10));
  await send([GET, post(text), post([])]);
  expect([pieces.length, Buffer.concat(pieces).toString()]).toEqual([2, text.join("")]);
});

const READERS: readonly (readonly [how: string, read: (request: IncomingMessage) => Promise<string>])[] = [
  ["as it comes", async (request) => Buffer.concat(await request.toArray()).toString()],
  [
    "and pauses after each piece",
    async (request) => {
      let text = "";
      request.on("data", async (piece: Buffer) => {
        text += piece.toString();
        request.pause();
        await nextTurn();
        request.resume();
      });
      await once(request, "end");
      return text;
    },
  ],
  [
    "and waits after each piece",
    async (request) => {
      let text = "";
      for await (const piece of request) {
        text += piece.toString();
        await nextTurn();
      }
      return text;
    },
  ],
  [
    "a thousand bytes at a time",
    async (request) => {
      let text = "";
      request.on("readable", () => {
        for (let piece = next(); piece !== null; piece = next()) text += piece.toString();
      });
      const next = (): Buffer | null => request.read(1000) ?? request.read();
      await once(request, "end");
      return text;
    },
  ],
];

const PIECE = fc.oneof(
  fc.constant("x"),
  fc.string({ minLength: 1, maxLength: 100, unit: fc.constantFrom(..."abc") }),
  fc.constant("y".repeat(20_000)),
);
const BODY = fc.array(PIECE, { maxLength: 300, size: "max" });

it.each(READERS)("gives the whole body to who reads it %s, at once or when it is its turn", async (_, read) => {
  let bodies: string[] = [];
  await serve(async (request, response) => {
    if (request.method === "GET") await nextTurn();
    else bodies.push(await read(request));
    response.end();
  });
  const property = fc.asyncProperty(fc.array(fc.option(BODY), { minLength: 1, maxLength: 6 }), async (requests) => {
    bodies = [];
    await send(requests.map((pieces) => (pieces === null ? GET : post(pieces))));
    expect(bodies).toEqual(requests.flatMap((pieces) => (pieces === null ? [] : [pieces.join("")])));
  });
  await fc.assert(property, { numRuns: 30 });
});

it("keeps nothing of an answered request whose client leaves before the rest of its body", async () => {
  let lingered = 0;
  const lingering = new Set<() => void>();
  const after: Timers["after"] = (ms, handler) => {
    const cancel = systemTimers.after(ms, handler);
    if (ms !== LINGER_MS) return cancel;
    lingered += 1;
    lingering.add(handler);
    return () => {
      lingering.delete(handler);
      cancel();
    };
  };
  await serve((_, response) => response.end(), { ...systemTimers, after });
  const closed = new Promise((resolve) => server.once("connection", (socket: Socket) => socket.once("close", resolve)));
  await send([post(["begun"]).slice(0, -8)]);
  await closed;
  expect([lingered, lingering.size]).toEqual([1, 0]);
});
