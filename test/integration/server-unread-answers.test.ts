import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";
import { fetchPending } from "../support/store/waiting-calls.js";

const ID = "0123456789ABCDEF";
const MIB = 1024 * 1024;

let service: Service;
let origin: string;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  service = await openService();
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
  origin = await service.app.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await closeService(service);
});

const request = (path: string, accept = "application/json", init: RequestInit = {}) =>
  fetch(`${origin}${path}`, { ...init, headers: { ...CREDENTIALS, accept, ...init.headers } });

/** Each call has 2 MB. */
async function submit(calls: number, letter: string): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const body = JSON.stringify({ responseMessage: { content: letter.repeat(2_000_000) } });
    const headers = { "content-type": "application/json" };
    expect((await request(`/callbacks/${ID}/calls`, undefined, { method: "POST", headers, body })).status).toBe(202);
  }
}

const PENDING = `/callbacks/${ID}/calls?status=PENDING&limit=500`;

it("keeps 64 MiB of a user's large answers that aren't read, and answers 503 until they are taken or their clients have gone", async () => {
  await submit(8, "x");
  const { hostname, port } = new URL(origin);
  const headers = Object.entries({ ...CREDENTIALS, host: "localhost", accept: "application/json" });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  for (let client = 0; client < 4; client++) {
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${PENDING} HTTP/1.1\r\n${lines}\r\n`);
    sockets.push(socket);
    await once(socket, "readable");
  }
  const page = async () => {
    const answer = await request(PENDING);
    return [answer.status, answer.headers.get("retry-after"), (await answer.arrayBuffer()).byteLength > 15 * MIB];
  };
  expect(await page()).toEqual([503, "5", false]);
  expect((await request("/callbacks")).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await expect.poll(page).toEqual([200, null, true]);
  for (let reader = 0; reader < 10; reader++) expect(await page()).toEqual([200, null, true]);
});

it("keeps room for a large call from before it is read, so requests that come at once don't read more than fits", async () => {
  await submit(1, "&");
  const [{ id = "" } = {}] = await fetchPending(service.store, ID, 1);
  const { calls } = service.store;
  const find = calls.find.bind(calls);
  const gate = new AbortController();
  let reads = 0;
  vi.spyOn(calls, "find").mockImplementation(async (...given) => {
    const [, , maxResponseBytes = Number.POSITIVE_INFINITY] = given;
    if (maxResponseBytes > 2_000_000) {
      reads += 1;
      await once(gate.signal, "abort");
    }
    return find(...given);
  });
  service.app.answers.tryReserve("user demo", 48 * MIB);
  const statuses: number[] = [];
  const answers = Array.from({ length: 12 }, async () => {
    const answer = await request(`/callbacks/${ID}/calls/${id}`, "application/xml");
    await answer.arrayBuffer();
    statuses.push(answer.status);
  });
  // Two times 2 MB, four times as long in XML, fit into the other 16 MiB.
  await expect.poll(() => [reads, statuses]).toEqual([2, Array(10).fill(503)]);
  service.app.answers.release("user demo", 48 * MIB);
  gate.abort();
  await Promise.all(answers);
  vi.restoreAllMocks();
  expect(statuses.slice(10)).toEqual([200, 200]);
  expect((await request(`/callbacks/${ID}/calls/${id}`, "application/xml")).status).toBe(200);
});

it("makes no larger a page in XML, which is five times as long as the text of ampersands in it", async () => {
  await submit(8, "&");
  const answer = await request(PENDING, "application/xml");
  const page = await answer.text();
  expect([answer.status, page.split("<ns2:call>").length - 1]).toEqual([200, 2]);
  expect(page.length).toBeLessThan(21 * MIB);
});
