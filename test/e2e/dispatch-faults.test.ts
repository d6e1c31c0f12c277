/** The dispatcher of a real service under what only processes can do to it: marks by another one, and too few file descriptors. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { aResponse, someSettings } from "../support/builders.js";
import { startRawServer } from "../support/delivery/raw-server.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const SECRET_KEY = Buffer.alloc(32).toString("base64");
const ENV = { ...USER_ENV, WHCB_SECRET_KEY: SECRET_KEY };

let home: Home;
/** Holds what it is sent until it is released; `posts` has the webhook-ids, in order. */
let endpoint: Awaited<ReturnType<typeof holdingEndpoint>>;

beforeEach(async () => {
  home = new Home();
  endpoint = await holdingEndpoint();
});

afterEach(async () => {
  endpoint.close();
  await home.leave();
});

async function holdingEndpoint() {
  const posts: string[] = [];
  const held: ServerResponse[] = [];
  let isReleased = false;
  let onFirst = () => {};
  const server = createServer((request, response) => {
    request.resume();
    posts.push(String(request.headers["webhook-id"]));
    if (posts.length === 1) onFirst();
    if (isReleased) response.end();
    else held.push(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    posts,
    /** Resolves at the first request, after `handler` was called. */
    first: (handler: () => void) =>
      new Promise<void>((resolve) => {
        onFirst = () => {
          handler();
          resolve();
        };
      }),
    release() {
      isReleased = true;
      for (const response of held.splice(0)) response.end();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Runs a command as another process on the file. */
async function onFile(...args: string[]): Promise<string> {
  const { stdout, stderr } = await home.whcb(args, { env: { ...ENV, WHCB_URL: home.path("x.db") } });
  expect(stderr).toMatch(/^(?:service: .+\n)?$/);
  return stdout;
}

const idsOf = (count: number, prefix?: string) => Array.from({ length: count }, (_, index) => callIdOf(index, prefix));
/** Waiting at each of five callbacks: more connections than the process may have files. */
const CALLS = 60;
const delivered = async () => (await onFile("calls", "list", "demo", "--success", "-o", "ids")).split("\n").slice(0, -1).sort();

it("sends no call of 9 MB that another process marks while those before it are read", async () => {
  const ids = idsOf(5);
  const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey: Buffer.from(SECRET_KEY, "base64") });
  const { id } = await store.callbacks.create("00112233445566AA", someSettings({ name: "demo", url: endpoint.url }), Date.now());
  const response = { ...aResponse(), responseMessage: { ...aResponse().responseMessage, content: "x".repeat(9_000_000) } };
  for (const callId of ids) await store.calls.accept([{ callbackId: id, calls: [{ id: callId, response }] }], Date.now());
  await store.close();
  const server = home.start(["serve", "--port", "0", "--db", home.path("x.db")], { env: ENV });
  // All five are taken, and most still wait to be read. Stopped, it can't be faster than the other process.
  await endpoint.first(() => server.child.kill("SIGSTOP"));
  const marking = await home.whcb(["mark-success", "demo", "-", "--yes"], {
    env: { ...ENV, WHCB_URL: home.path("x.db") },
    input: ids.join("\n"),
  });
  expect(marking).toMatchObject({ code: 0 });
  const sentBefore = endpoint.posts.length;
  server.child.kill("SIGCONT");
  endpoint.release();
  await server.stop();
  // One may have been read, and another connecting, when the process was stopped.
  expect(endpoint.posts.length - sentBefore).toBeLessThanOrEqual(2);
  expect(await delivered()).toEqual(ids);
});

it("waits and goes on when it runs out of file descriptors: no attempt fails, and no outage opens", async () => {
  const server = await home.serve(["--no-endpoint-check", "--log-level", "warn"], { env: ENV, openFiles: 256 });
  const api = new ServedApi(server.url);
  const names = ["one", "two", "three", "four", "five"];
  const callbacks = await Promise.all(names.map((name) => api.create({ name, url: endpoint.url })));
  for (const [index, callback] of callbacks.entries()) await api.hand(callback, idsOf(CALLS, names[index]));
  await server.says(/out of file descriptors \(EMFILE\)/);
  endpoint.release();
  await eventually(
    async () => new Set(endpoint.posts).size,
    (count) => count === 5 * CALLS,
  );
  const { code, stderr } = await server.stop();
  expect(code, stderr).toBe(0);
  expect(endpoint.posts).toHaveLength(5 * CALLS);
  const { callbacks: shown } = JSON.parse(await onFile("status", "-o", "json"));
  const healthy = { failed: 0, outages: [] };
  expect(shown).toMatchObject(names.map(() => healthy));
});

it("warns with the origin of an endpoint that answers a request twice", async () => {
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
  const twice = await startRawServer((socket) => {
    socket.write(answer);
    setTimeout(() => socket.write(answer), 150);
  });
  const server = await home.serve(["--no-endpoint-check", "--log-level", "warn"], { env: ENV });
  const api = new ServedApi(server.url);
  await api.hand(await api.create({ name: "demo", url: twice.url }), idsOf(1));
  await server.says(/An endpoint answered a request twice/);
  const { code, stderr } = await server.stop();
  expect(code).toBe(0);
  expect(stderr).toContain(`"origin":"${new URL(twice.url).origin}"`);
  await twice.close();
});
