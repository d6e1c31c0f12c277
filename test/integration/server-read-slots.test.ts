/** Requests that hold rows in memory: how many at once, and for how long. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { FastifyInstance, RouteOptions } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Outage } from "../../src/domain/outage.js";
import { LONGEST_CALLBACK, LONGEST_OUTAGE } from "../../src/server/routes/callback-routes.js";
import { outageToJson } from "../../src/wire/json/outage-json.js";
import { Visitor } from "../support/server/console-visitor.js";
import { CALLBACK_SETTINGS, CREDENTIALS, closeService, openService, type Service } from "../support/server/server-fixture.js";

const ID = "0123456789ABCDEF";

let service: Service;
let visitor: Visitor;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  service = await openService();
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
  visitor = await new Visitor(service.app).signIn();
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await closeService(service);
});

const ask = async (url: string) =>
  (await service.app.inject({ url, headers: { ...CREDENTIALS, accept: "application/json" } })).statusCode;

/** Each reading of `name` waits until the gate is opened. */
function gateReads<Part extends object>(part: Part, name: keyof Part & string) {
  const original = part[name] as (...given: unknown[]) => Promise<unknown>;
  const gate = new AbortController();
  const reads = { begun: 0, open: () => gate.abort() };
  const gated = async (...given: unknown[]) => {
    reads.begun += 1;
    if (!gate.signal.aborted) await once(gate.signal, "abort");
    return original(...given);
  };
  Object.assign(part, { [name]: gated });
  return reads;
}

async function submit(calls: number, content: string): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const { app } = service;
    const payload = { responseMessage: { content } };
    await app.inject({ method: "POST", url: `/callbacks/${ID}/calls`, headers: CREDENTIALS, payload });
  }
}

function requestOf(path: string, headers: Readonly<Record<string, string>> = CREDENTIALS): string {
  const lines = Object.entries({ host: "localhost", accept: "application/json", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function connectAnd(path: string, headers: Readonly<Record<string, string>> = CREDENTIALS): Socket {
  const { port } = service.app.server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  socket.write(requestOf(path, headers));
  socket.on("error", () => undefined);
  sockets.push(socket);
  return socket;
}

describe("of one user's requests at once", () => {
  it.each(["/audit", "/callbacks", "/outages", `/callbacks/${ID}/calls?groupBy=from`])("for %s four read", async (path) => {
    const { audit, callbacks, outages, calls } = service.store;
    const [part, name] = path.startsWith("/audit")
      ? [audit, "list"]
      : path === "/callbacks"
        ? [callbacks, "list"]
        : path === "/outages"
          ? [outages, "list"]
          : [calls, "group"];
    const reads = gateReads(part as Record<string, unknown>, name);
    const statuses = Promise.all(Array.from({ length: 12 }, () => ask(path)));
    await expect.poll(() => reads.begun).toBe(4);
    await delay(50);
    expect(reads.begun).toBe(4);
    reads.open();
    expect(await statuses).toEqual(Array(12).fill(200));
    expect(reads.begun).toBe(12);
  });

  it.each(["/console/audit", "/console/search?q=12345678"])("for the console's %s four read", async (path) => {
    const { audit, calls } = service.store;
    const reads = path.includes("audit") ? gateReads(audit, "list") : gateReads(calls, "search");
    const pages = Promise.all(Array.from({ length: 12 }, () => visitor.open(path)));
    await expect.poll(() => reads.begun).toBeGreaterThan(0);
    await delay(50);
    expect(reads.begun).toBeLessThanOrEqual(4);
    reads.open();
    expect((await pages).map(({ status }) => status)).toEqual(Array(12).fill(200));
  });

  it("all look for the calls of their pages, and four have a page", async () => {
    await submit(3, "x");
    const lists = gateReads(service.store.calls, "list");
    const reads = gateReads(service.store.calls, "findMarkers");
    const statuses = Promise.all(Array.from({ length: 12 }, () => ask(`/callbacks/${ID}/calls?status=PENDING`)));
    await expect.poll(() => lists.begun).toBe(12);
    lists.open();
    await expect.poll(() => reads.begun).toBe(4);
    await delay(50);
    expect(reads.begun).toBe(4);
    expect(await ask("/healthz")).toBe(200);
    reads.open();
    expect(await statuses).toEqual(Array(12).fill(200));
  });
});

it("nothing is read for clients that have left as their requests came", async () => {
  await service.app.listen({ host: "127.0.0.1", port: 0 });
  expect(await ask("/audit")).toBe(200);
  const reads = gateReads(service.store.audit, "list");
  reads.open();
  const clients = Array.from({ length: 10 }, () => connectAnd("/healthz"));
  await Promise.all(clients.map((client) => once(client, "data")));
  for (const client of clients) {
    client.write(requestOf("/audit"));
    client.destroy();
  }
  const isOpen = () => promisify(service.app.server.getConnections.bind(service.app.server))();
  await expect.poll(isOpen).toBe(0);
  await expect.poll(() => service.app.connections.inFlight).toBe(0);
  expect(reads.begun).toBe(0);
});

describe("the steps of scans", () => {
  /** Each step waits until the gate is opened. */
  function gateSteps() {
    const { scanTurns } = service.app;
    const run = scanTurns.run.bind(scanTurns);
    const part = { step: async (read: () => unknown) => read() };
    const steps = gateReads(part, "step");
    Object.assign(scanTurns, { run: (owner: string, read: () => unknown) => run(owner, () => part.step(read)) });
    return steps;
  }

  it.each([
    `/callbacks/${ID}/calls?status=PENDING&q=nowhere`,
    `/callbacks/${ID}/calls?status=PENDING&sortFields=messageId`,
    `/callbacks/${ID}/calls?status=PENDING&offset=2`,
    `/callbacks/${ID}/calls?status=PENDING&groupBy=from`,
    `/console/callbacks/${ID}/confirm?action=success&all=on&status=PENDING`,
    "/console/search?q=12345678",
  ])("of %s run one at a time", async (path) => {
    await submit(3, "x");
    const steps = gateSteps();
    const open = async () => (await visitor.open(path)).status;
    const statuses = Promise.all(Array.from({ length: 6 }, () => (path.startsWith("/console") ? open() : ask(path))));
    await expect.poll(() => steps.begun).toBe(1);
    await delay(50);
    expect(steps.begun).toBe(1);
    steps.open();
    expect(await statuses).toEqual(Array(6).fill(200));
  });

  it("end once the client has gone, also those of a search that has begun", async () => {
    await submit(3, "x".repeat(400_000));
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const { calls } = service.store;
    const { list } = calls;
    const ends: string[] = [];
    calls.list = async (...given) => {
      const page = list(...given);
      page.then(
        () => ends.push("read"),
        ({ code }) => ends.push(code),
      );
      return page;
    };
    const steps = gateSteps();
    for (let client = 0; client < 12; client++) connectAnd(`/callbacks/${ID}/calls?status=PENDING&q=nowhere`);
    await expect.poll(() => steps.begun).toBe(1);
    await expect.poll(() => service.app.connections.inFlight).toBe(12);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => service.app.connections.inFlight).toBe(0);
    steps.open();
    await expect.poll(() => ends).toEqual(Array(12).fill("interrupted"));
  });
});

describe("a request that waits for its turn", () => {
  it("reads nothing once its client has gone, and leaves its place to others", async () => {
    await service.app.listen({ host: "127.0.0.1", port: 0 });
    const reads = gateReads(service.store.audit, "list");
    for (let client = 0; client < 12; client++) connectAnd("/audit");
    await expect.poll(() => reads.begun).toBe(4);
    await expect.poll(() => service.app.connections.inFlight).toBe(12);
    for (const socket of sockets.slice(4)) socket.destroy();
    await expect.poll(() => service.app.connections.inFlight).toBe(4);
    reads.open();
    expect(await ask("/audit")).toBe(200);
    expect(reads.begun).toBe(5);
  });
});

it("a slot is free again after a failure, an aborted request and an answer that isn't read", async () => {
  await service.app.listen({ host: "127.0.0.1", port: 0 });
  const { list } = service.store.audit;
  service.store.audit.list = async () => {
    throw new Error("broken");
  };
  expect(await Promise.all(Array.from({ length: 9 }, () => ask("/audit")))).toEqual(Array(9).fill(500));
  service.store.audit.list = list;
  for (let tries = 0; tries < 40; tries++) {
    const socket = connectAnd("/audit");
    await delay(tries % 5);
    socket.resetAndDestroy();
  }
  await submit(8, "x".repeat(2_000_000));
  for (let reader = 0; reader < 4; reader++)
    await once(connectAnd(`/callbacks/${ID}/calls?status=PENDING&limit=500`), "readable");
  expect(await ask("/audit")).toBe(200);
});

it("only these routes take no slot: they hold no rows, limit themselves, or take one before they read", async () => {
  const routes: RouteOptions[] = [];
  const seeRoutes = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook("onRoute", (route) => void routes.push(route));
  };
  subscribe("fastify.initialization", seeRoutes);
  await closeService(service);
  service = await openService();
  unsubscribe("fastify.initialization", seeRoutes);
  const without = routes.filter(({ method, config }) => method === "GET" && config?.takesNoReadSlot === true);
  expect(without.map(({ url }) => url).sort()).toEqual([
    "/callbacks/:id/calls",
    "/console/assets/*",
    "/console/callbacks/:id/calls/export",
    "/console/callbacks/:id/confirm",
    "/console/events",
    "/console/sign-in",
    "/favicon.ico",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/readyz",
  ]);
});

it("a callback and an outage have at most the bytes that are kept for each in a page", async () => {
  const host = `${"h".repeat(249)}:8787`;
  const email = `${"é".repeat(57)}@b.co`;
  const auth = { type: "httpheader", key: "é".repeat(128) } as const;
  const sizes: number[] = [];
  for (const [at, letter] of ["中", '"', "😀", "\u0001"].entries()) {
    const url = `http://127.0.0.1:9/${letter.repeat(at === 2 ? 1_014 : 2_029)}`;
    await service.store.callbacks.create(
      `${at}`.repeat(16),
      { ...CALLBACK_SETTINGS, name: letter.repeat(25), url, email, auth },
      0,
    );
  }
  for (const id of ["0", "1", "2", "3"]) {
    const headers = { ...CREDENTIALS, accept: "application/json", host };
    const { body } = await service.app.inject({ url: `/callbacks/${id.repeat(16)}`, headers });
    sizes.push(Buffer.byteLength(body));
  }
  expect(sizes.every((size) => size > 4_096)).toBe(true);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(LONGEST_CALLBACK);
  const outage = {
    id: "F".repeat(32),
    callbackId: ID,
    startedAt: 0,
    endedAt: null,
    quietSince: 0,
    failedCalls: 1e9,
    notifiedAt: 0,
  };
  const shown = outageToJson({ ...outage, notifiedBy: "smtp", mailError: "é".repeat(500) } as Outage);
  expect(Buffer.byteLength(JSON.stringify(shown))).toBeLessThanOrEqual(LONGEST_OUTAGE);
});
