import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { largestSignIn } from "../support/attack/connection-attacks.js";
import { heapBytes } from "../support/heap-bytes.js";
import { closeService, openService, type Service } from "../support/server/server-fixture.js";

/** The number of connections assumes that no request takes more. */
const ROOM_BYTES = 192 * 1024;
const CONNECTIONS = 100;

let service: Service;
let url: string;

beforeEach(async () => {
  service = await openService();
  url = await service.app.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(() => closeService(service));

/** Fills 15 KiB with members. Every request has names of its own, as equal ones would share memory. */
function membersOf(request: number, separator: string): string {
  const names = Array.from({ length: 3_000 }, (_, index) => (46_656 + request * 3_000 + index).toString(36));
  return names.join(separator).slice(0, 15 * 1024);
}

function slowSignIn({ query = "", header = "", type = "" }): string {
  const form = `Content-Type: application/x-www-form-urlencoded${type}\r\nContent-Length: 1000`;
  return `POST /console/sign-in${query} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${header}${form}\r\n\r\n`;
}

it.each([
  ["parameters", (request: number) => slowSignIn({ query: `?${membersOf(request, "&")}` })],
  ["cookies", (request: number) => slowSignIn({ header: `Cookie: ${membersOf(request, "=;")}\r\n` })],
  ["parameters of a type", (request: number) => slowSignIn({ type: `;${membersOf(request, "=1;")}` })],
  ["everything that is allowed", () => largestSignIn(url)],
])("a request of %s fits into the memory of a connection while a body isn't there yet", async (_, requestOf) => {
  const begin = async (_: unknown, index: number) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    // It may be rejected.
    socket.on("error", () => undefined).resume();
    socket.write(requestOf(index));
    return socket;
  };
  const first = await begin(null, CONNECTIONS);
  const before = heapBytes();
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, begin));
  const answer = await fetch(`${url}/healthz`);
  const perConnection = (heapBytes() - before) / CONNECTIONS;
  for (const socket of [first, ...sockets]) socket.destroy();
  expect(answer.status).toBe(200);
  expect(perConnection).toBeLessThan(ROOM_BYTES);
});
