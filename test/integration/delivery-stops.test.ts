/** Deliveries of a process that doesn't run for a while. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createDeliverer } from "../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { DEADLINE_MS, DeliverySetup, OK } from "../support/delivery/delivery-setup.js";
import { blockLoop } from "../support/time/block-loop.js";

const STOP_MS = DEADLINE_MS + 300;
const DELIVERED = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" };

const setup = new DeliverySetup();
afterEach(() => setup.end());

describe("a stop for longer than the deadline", () => {
  test("doesn't fail a delivery whose answer has arrived meanwhile", async () => {
    await setup.start((socket) => {
      socket.write(OK);
      blockLoop(STOP_MS);
    });
    expect((await setup.deliverer.deliver(setup.post())).result).toEqual(DELIVERED);
  });

  test("doesn't fail one that waits for a connection", async () => {
    const answer = (socket: { write(text: string): void }) => {
      blockLoop(STOP_MS);
      socket.write(OK);
    };
    await setup.start(answer, { maxConnectionsPerOrigin: 1 });
    const deliveries = await Promise.all([1, 2, 3].map(() => setup.deliverer.deliver(setup.post())));
    expect(deliveries.map(({ result }) => result)).toEqual([DELIVERED, DELIVERED, DELIVERED]);
    expect(setup.server.requests()).toBe(3);
  });

  test("is added to the deadline of one that isn't answered", async () => {
    await setup.start(() => blockLoop(STOP_MS));
    const began = performance.now();
    expect((await setup.deliverer.deliver(setup.post())).result).toMatchObject({ reason: "response-timeout" });
    expect(performance.now() - began).toBeGreaterThan(DEADLINE_MS + STOP_MS - 60);
  });

  test("doesn't fail a connection that opens meanwhile, but for the time that it takes besides", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      blockLoop(STOP_MS);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers, connectTimeoutMs: DEADLINE_MS });
    const began = performance.now();
    // It accepts, and never says anything.
    const { result } = await deliverer.deliver({ method: "POST", url: `https://127.0.0.1:${port}/`, headers: {}, body: "{}" });
    expect(result).toMatchObject({ reason: "connect-timeout", detail: expect.stringContaining("TLS handshake") });
    expect(performance.now() - began).toBeGreaterThan(DEADLINE_MS + STOP_MS - 60);
    await deliverer.close();
    server.close();
  });
});

describe("a delivery that may no longer be sent when it is connected", () => {
  test("isn't sent, and leaves its connection to the next", async () => {
    await setup.start((socket) => socket.write(OK));
    expect(await setup.deliverer.deliverIf(() => false, setup.post())).toBeNull();
    expect(setup.server.requests()).toBe(0);
    expect(await setup.deliverer.deliverIf(() => true, setup.post())).toMatchObject({ result: DELIVERED });
    expect([setup.server.connections(), setup.server.requests()]).toEqual([1, 1]);
  });

  test("isn't sent again once the endpoint has closed its reused connection", async () => {
    await setup.start((socket, number) => (number === 1 ? socket.write(OK) : socket.end()));
    let mayStill = 2;
    const deliver = () => setup.deliverer.deliverIf(() => mayStill-- > 0, setup.post());
    expect((await deliver())?.result).toEqual(DELIVERED);
    const lost = { kind: "unreachable", reason: "reset", detail: expect.stringContaining("closed the connection") };
    expect((await deliver())?.result).toEqual(lost);
    expect(setup.server.requests()).toBe(2);
  });

  test("is sent, on the same connection, once a promise permits it, and asked about again first", async () => {
    await setup.start((socket) => socket.write(OK));
    const answers = [setTimeout(50, true), true];
    expect(await setup.deliverer.deliverIf(() => answers.shift() ?? false, setup.post())).toMatchObject({ result: DELIVERED });
    expect([setup.server.connections(), setup.server.requests(), answers]).toEqual([1, 1, []]);
  });

  test("isn't sent twice if the endpoint then resets its fresh connection", async () => {
    await setup.start((socket) => socket.resetAndDestroy());
    const answers = [setTimeout(50, true), true, true];
    const delivery = await setup.deliverer.deliverIf(() => answers.shift() ?? false, setup.post());
    expect(delivery?.result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect(setup.server.requests()).toBe(1);
  });

  test("isn't sent if a promise forbids it, or isn't kept before its deadline", async () => {
    await setup.start((socket) => socket.write(OK));
    expect(await setup.deliverer.deliverIf(() => setTimeout(50, false), setup.post())).toBeNull();
    expect(await setup.deliverer.deliverIf(() => setTimeout(DEADLINE_MS + 400, true), setup.post())).toBeNull();
    await setTimeout(500);
    expect(setup.server.requests()).toBe(0);
    expect(await setup.deliverer.deliverIf(() => true, setup.post())).toMatchObject({ result: DELIVERED });
  });

  test.each([
    [true, 3],
    [false, 2],
  ])("is sent again only as a promise permits it (%s)", async (isPermitted, requests) => {
    await setup.start((socket, number) => (number === 1 ? socket.write(OK) : socket.end()));
    const answers = [true, true, setTimeout(50, isPermitted), true];
    const deliver = () => setup.deliverer.deliverIf(() => answers.shift() ?? false, setup.post());
    await deliver();
    const result = isPermitted ? { ...DELIVERED, resent: true } : expect.objectContaining({ reason: "reset" });
    expect((await deliver())?.result).toEqual(result);
    expect(setup.server.requests()).toBe(requests);
  });

  test("learns for how long the process was stopped since it was requested", async () => {
    await setup.start((socket) => socket.write(OK), { deadlineMs: 10_000 });
    const stops: number[] = [];
    const deliver = () => setup.deliverer.deliverIf((stoppedMs) => stops.push(stoppedMs) > 0, setup.post());
    const delivered = deliver();
    blockLoop(STOP_MS);
    await delivered;
    await deliver();
    expect(stops[0]).toBeGreaterThan(STOP_MS - 100);
    expect(stops[1]).toBe(0);
  });
});
