/** A service on loopback listens at both addresses that a browser takes localhost for. */
import { EventEmitter, once } from "node:events";
import { get, request } from "node:http";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { closeGracefully } from "../../src/server/connections.js";
import { listenOnLocalhost } from "../../src/server/listen-on-localhost.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { serveHere } from "../support/process/serve-here.js";
import { USER_ENV } from "../support/process/served-api.js";
import { Home } from "../support/process/whcb-process.js";
import { CALLBACK_BODY, CREDENTIALS, openService, type Service } from "../support/server/server-fixture.js";

async function statusAt(host: string, port: number): Promise<number | undefined> {
  const [answer] = await once(get({ host, port, path: "/healthz", agent: false }), "response");
  answer.resume();
  return answer.statusCode;
}

async function take(host: string, port = 0): Promise<{ port: number; server: Server }> {
  const server = createServer().listen({ host, port });
  await once(server, "listening");
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

describe("the app", () => {
  let service: Service;
  let others: Server[];

  beforeEach(async () => {
    service = await openService();
    others = [];
  });

  const close = () =>
    closeGracefully(service.app, { timers: systemTimers, nowMs: systemClock.monotonicMs, limitMs: 60_000, others });

  afterEach(async () => {
    await close();
    await service.store.close();
  });

  it.each([
    ["127.0.0.1", ["127.0.0.1", "::1"]],
    ["::1", ["127.0.0.1", "::1"]],
    ["127.0.0.2", ["127.0.0.1", "127.0.0.2", "::1"]],
    ["0.0.0.0", ["127.0.0.1", "::1"]],
  ])("for %s listens at %j, on one port", async (host, addresses) => {
    const url = await listenOnLocalhost(service.app, { host, port: 0 }, others);
    const { port } = new URL(url);
    expect(new URL(url).hostname).toBe({ "::1": "[::1]", "0.0.0.0": "127.0.0.1" }[host] ?? host);
    for (const address of addresses) expect([address, await statusAt(address, Number(port))]).toEqual([address, 200]);
  });

  it("for :: listens there only, which is all addresses", async () => {
    const { port } = new URL(await listenOnLocalhost(service.app, { host: "::", port: 0 }, others));
    expect([others, await statusAt("127.0.0.1", Number(port)), await statusAt("::1", Number(port))]).toEqual([[], 200, 200]);
  });

  it("takes another port if the one that it was given is taken at an address", async () => {
    const taken: Server[] = [];
    const { app } = service;
    const listen = app.listen.bind(app);
    app.listen = (async (place: { host: string; port: number }) => {
      if (taken.length < 2) taken.push((await take(place.host, place.port)).server);
      return listen(place);
    }) as typeof app.listen;
    const { port } = new URL(await listenOnLocalhost(app, { host: "127.0.0.1", port: 0 }, others));
    expect([taken.length, others.length, await statusAt("::1", Number(port))]).toEqual([2, 1, 200]);
    for (const server of taken) server.close();
  });

  it("doesn't take another port than the wanted one, and leaves nothing open", async () => {
    const { server, port } = await take("127.0.0.1");
    await expect(listenOnLocalhost(service.app, { host: "127.0.0.1", port }, others)).rejects.toThrow("EADDRINUSE");
    server.close();
    expect(others).toEqual([]);
    (await take("::1", port)).server.close();
  });
});

it("a stop finishes what another address has asked for, and ends its idle connections", async () => {
  const check = new EventEmitter();
  const { app, store } = await openService({
    async checkEndpoint() {
      check.emit("began");
      await once(check, "end");
      return { kind: "answered", statusCode: 200, statusMessage: "", body: "" };
    },
  });
  const others: Server[] = [];
  const port = Number(new URL(await listenOnLocalhost(app, { host: "127.0.0.1", port: 0 }, others)).port);
  const headers = { ...CREDENTIALS, "content-type": "application/json", connection: "keep-alive" };
  const asked = request({ host: "::1", port, path: "/callbacks", method: "POST", headers });
  const began = once(check, "began");
  asked.end(JSON.stringify(CALLBACK_BODY));
  await began;
  const stopped = closeGracefully(app, { timers: systemTimers, nowMs: systemClock.monotonicMs, limitMs: 60_000, others });
  await expect.poll(() => statusAt("::1", port).catch(({ code }) => code)).toBe("ECONNREFUSED");
  const answered = once(asked, "response");
  check.emit("end");
  const [answer] = await answered;
  expect(answer.statusCode).toBe(201);
  answer.resume();
  await stopped;
  await store.close();
});

it.each(["127.0.0.1", "0.0.0.0"])(
  "serve --host %s doesn't start where another program listens at ::1, says so, and changes nothing",
  async (host) => {
    const home = new Home();
    const db = ["--db", home.path("x.db")];
    const listUsers = () => new CliMachine({}, home.paths).works(["users", "list", ...db]);
    await (await serveHere(home, [], { env: USER_ENV })).stop();
    const before = await listUsers();
    const { server, port } = await take("::1");
    const env = { ...USER_ENV, WHCB_USERNAME: "another" };
    const { code, stderr } = await home.whcb(["serve", "--host", host, "--port", String(port), ...db], { env });
    expect([code, stderr]).toEqual([
      5,
      `error: port ${port} of ::1 is taken\nhint: is whcb serve running already? --port 0 takes any free port\n`,
    ]);
    server.close();
    expect(await listUsers()).toBe(before);
    await home.leave();
  },
);
