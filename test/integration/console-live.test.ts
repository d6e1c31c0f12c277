import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { systemRandom } from "../../src/platform/random.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { makeCredential } from "../../src/server/auth/credential-hashes.js";
import { closeGracefully } from "../../src/server/connections.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import { openStore } from "../../src/store/open-store.js";
import { aResponse } from "../support/builders.js";
import { HOST, Visitor } from "../support/server/console-visitor.js";
import {
  CALLBACK_SETTINGS,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const ID = "0123456789ABCDEF";
const PATH = `/console/events?topic=${ID}`;
const SECOND = 1000;

let service: Service;
let timers: ManualTimers;
const opened: ClientRequest[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) one.destroy();
  await closeService(service);
});

async function start(overrides: Partial<ServerDeps> = {}): Promise<Visitor> {
  timers = new ManualTimers();
  service = await openService({ timers, ...overrides });
  await service.store.callbacks.create(ID, CALLBACK_SETTINGS, Date.now());
  await service.app.listen({ port: 0, host: "127.0.0.1" });
  return new Visitor(service.app).signIn();
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Resolves to the next event's data, or to null once the stream has ended. */
  next(): Promise<Record<string, string> | null>;
  /** Resolves to the time of the next heartbeat. */
  nextHeartbeat(): Promise<number>;
  /** Reads the stream to its end. */
  text(): Promise<string>;
  leave(): Promise<void>;
}

async function listen({ cookies }: Visitor, path = PATH, method = "GET"): Promise<Answer> {
  const { port } = service.app.server.address() as AddressInfo;
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  // A visitor's cookies have names for this Host.
  const asked = request({ port, host: "127.0.0.1", path, method, headers: { host: HOST, cookie } });
  opened.push(asked);
  asked.on("error", () => undefined).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.setEncoding("utf8");
  const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<string>;
  let text = "";
  const readEvent = async (prefix: string): Promise<string | null> => {
    for (;;) {
      const [event, rest] = text.split(/\n\n(.*)/s);
      if (rest === undefined) {
        const { done, value } = await chunks.next();
        if (done) return null;
        text += value;
        continue;
      }
      text = rest;
      if (event?.startsWith(prefix)) return event.slice(prefix.length);
    }
  };
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    next: async () => JSON.parse((await readEvent("data: ")) ?? "null"),
    nextHeartbeat: async () => Number(await readEvent("event: heartbeat\ndata: ")),
    async text() {
      for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) text += chunk.value;
      return text;
    },
    async leave() {
      const { connections } = service.app;
      const before = connections.inFlight;
      answer.on("error", () => undefined);
      asked.destroy();
      await expect.poll(() => connections.inFlight, { interval: 5 }).toBe(before - 1);
    },
  };
}

const accept = (id: string, { store } = service) =>
  store.calls.accept([{ callbackId: ID, calls: [{ id, response: aResponse() }] }], Date.now());

describe("a stream", () => {
  it("begins with the versions of its topics, and then says what changes, by any process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "whcb-live-"));
    const secretKey = randomBytes(32);
    const file = { url: join(folder, "x.db"), clock: systemClock, secretKey };
    const visitor = await start({ store: await openStore(file) });
    const stream = await listen(visitor, `${PATH}&topic=*&topic=none`);
    expect(stream.headers).toMatchObject({ "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    const first = await stream.next();
    expect(first).toEqual({ [ID]: expect.any(String), "*": expect.any(String), none: "none" });
    await accept("A");
    timers.advance(SECOND);
    const second = await stream.next();
    expect(second).toEqual({ [ID]: expect.any(String), "*": expect.any(String) });
    expect(second).not.toMatchObject({ [ID]: first?.[ID] });
    const other = await openStore(file);
    await other.callbacks.create("F".repeat(16), { ...CALLBACK_SETTINGS, name: "other" }, Date.now());
    timers.advance(SECOND);
    expect(Object.keys((await stream.next()) ?? {})).toEqual(["*"]);
    await accept("B", { ...service, store: other });
    await other.close();
    timers.advance(SECOND);
    expect((await stream.next())?.[ID]).not.toBe(second?.[ID]);
    rmSync(folder, { recursive: true });
  });

  it("says when an endpoint isn't answering, though nothing is written", async () => {
    let now = Date.now();
    const visitor = await start({ clock: { ...systemClock, now: () => now } });
    await accept("A");
    const stream = await listen(visitor, `${PATH}&topic=*`);
    const first = await stream.next();
    now += 11 * SECOND;
    timers.advance(SECOND);
    const second = await stream.next();
    expect(Object.keys(second ?? {})).toEqual([ID, "*"]);
    expect([second?.[ID] === first?.[ID], second?.["*"] === first?.["*"]]).toEqual([false, false]);
  });

  it("has a heartbeat every second while the database answers, with the time of its state", async () => {
    let now = 1_000_000;
    const stream = await listen(await start({ clock: { ...systemClock, now: () => now } }));
    expect(await stream.nextHeartbeat()).toBe(1_000_000);
    const armed = timers.count;
    const { callbacks } = service.store;
    const read = callbacks.readWriteCounter;
    const poll = (after: number, answer: typeof read) => {
      now += after;
      const polled = new Promise<void>((resolve) => {
        callbacks.readWriteCounter = () => answer().finally(resolve);
      });
      timers.advance(SECOND);
      return polled;
    };
    await poll(1_000, read);
    expect(await stream.nextHeartbeat()).toBe(1_001_000);
    await poll(1_000, async () => Promise.reject(new Error("a fault")));
    await expect.poll(() => timers.count, { interval: 1 }).toBe(armed);
    await poll(1_000, read);
    expect(await stream.nextHeartbeat()).toBe(1_003_000);
  });

  it("needs a session, and ends with it", async () => {
    const visitor = await start();
    expect((await listen(new Visitor(service.app))).status).toBe(401);
    const stream = await listen(visitor);
    await stream.next();
    await visitor.send("/console", "/console/sign-out");
    timers.advance(SECOND);
    expect(await stream.next()).toBeNull();
  });

  it("ends with a new password of its user, and not another user's", async () => {
    const visitor = await start();
    const stream = await listen(visitor);
    await stream.next();
    const other = { username: "other", password: "battery staple", apiKey: "k-other-0123456789" };
    await service.store.credentials.save(await makeCredential(other, systemRandom), Date.now());
    await accept("A");
    timers.advance(SECOND);
    expect(await stream.next()).not.toBeNull();
    await service.store.credentials.save(await makeCredential({ ...USER, password: "a new one" }, systemRandom), Date.now());
    timers.advance(SECOND);
    expect(await stream.next()).toBeNull();
  });

  it("for HEAD is only described", async () => {
    const answer = await listen(await start(), PATH, "HEAD");
    expect([answer.status, answer.headers["content-type"], await answer.text()]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
      "",
    ]);
  });

  it("isn't among the times of requests", async () => {
    const visitor = await start();
    await visitor.open("/console");
    const stream = await listen(visitor);
    await stream.next();
    await stream.leave();
    const { body } = await service.app.inject({ url: "/metrics", headers: CREDENTIALS });
    expect(body).toContain('route="/console",status="200"');
    expect(body).not.toContain('route="/console/events",status="200"');
  });
});

describe("streams", () => {
  it("are limited per session, with an answer that says so, and another session has its own", async () => {
    const visitor = await start();
    const streams = await Promise.all(Array.from({ length: 6 }, () => listen(visitor)));
    const refused = await listen(visitor);
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "30"]);
    expect(await refused.text()).toContain("The session has as many live updates open as it may have");
    expect((await listen(await new Visitor(service.app).signIn())).status).toBe(200);
    await streams[0]?.leave();
    expect((await listen(visitor)).status).toBe(200);
  });

  it("leave most of the service's connections to others", async () => {
    const visitor = await start({ maxConnections: 8 });
    await Promise.all([listen(visitor), listen(visitor)]);
    const refused = await listen(visitor);
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining("The service has as many")]);
  });

  it("that are left leave nothing behind", async () => {
    const visitor = await start();
    const before = timers.count;
    for (let round = 0; round < 20; round++) {
      const stream = await listen(visitor);
      await stream.next();
      await stream.leave();
    }
    const timersLeft = () => {
      timers.advance(SECOND);
      return timers.count;
    };
    await expect.poll(timersLeft).toBe(before);
  });

  it("don't delay a stop, after which there is no new one", async () => {
    const visitor = await start({ timers: systemTimers });
    const streams = await Promise.all([listen(visitor), listen(visitor)]);
    for (const stream of streams) await stream.next();
    // The stream is never cut off.
    await closeGracefully(service.app, { timers: systemTimers, limitMs: 1, nowMs: () => 0 });
    expect(await Promise.all(streams.map((stream) => stream.next()))).toEqual([null, null]);
  });
});
