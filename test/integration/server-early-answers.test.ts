/** An answer that is sent before the body has arrived must reach the client, even one that sends the rest without looking. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WhcbError } from "../../src/domain/errors.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const MIB = 1024 * 1024;
let service: Service;
let port: number;

beforeAll(async () => {
  service = await openService();
  await service.app.listen({ host: "127.0.0.1", port: 0 });
  const address = service.app.server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(() => closeService(service));

const ACCEPTED = { ...CREDENTIALS, accept: "application/json", "content-type": "application/json" };
const REFUSED: readonly (readonly [what: string, status: number, headers: Record<string, string>, size: number])[] = [
  ["a body that is too large", 413, ACCEPTED, 10 * MIB + 1],
  ["a body that is much too large", 413, ACCEPTED, 40 * MIB],
  ["a wrong key", 403, { ...ACCEPTED, "x-api-key": "wrong" }, 5 * MIB],
  ["no user", 401, { "x-api-key": "wrong" }, 5 * MIB],
  ["an Accept that there isn't", 415, { ...ACCEPTED, accept: "text/plain" }, 5 * MIB],
];

describe("an early answer", () => {
  it.each(REFUSED)("to %s arrives as %i, each time", async (_, status, headers, size) => {
    const body = Buffer.alloc(size, " ");
    const statuses: number[] = [];
    for (let time = 0; time < 5; time++) {
      const answer = await fetch(`http://127.0.0.1:${port}/callbacks/demo/calls`, { method: "POST", headers, body });
      await answer.arrayBuffer();
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([status, status, status, status, status]);
  });

  it("to NDJSON that can't be stored says that the connection ends, as the rest isn't read", async () => {
    await service.store.callbacks.create("0123456789ABCDEF", CALLBACK_SETTINGS, 0);
    const accept = () => Promise.reject(new WhcbError("unavailable", "the database is locked"));
    const { app } = await openService({ store: { ...service.store, calls: { ...service.store.calls, accept } } });
    const url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/callbacks/demo/calls`;
    const headers = { ...ACCEPTED, "content-type": "application/x-ndjson" };
    const answer = await fetch(url, { method: "POST", headers, body: '{"messageId":"M"}\n'.repeat(100_000) });
    expect([answer.status, answer.headers.get("connection")]).toEqual([503, "close"]);
    await app.close();
  });

  it("ends the connection even if the rest of the body never arrives", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write("POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    await once(socket, "close");
    expect(text).toMatch(/^HTTP\/1\.1 401 [\s\S]*connection: close/i);
  });
});
