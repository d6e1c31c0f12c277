import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, it } from "vitest";
import { ANY_ADDRESS } from "../../../src/delivery/address-rule.js";
import { createConnector } from "../../../src/delivery/connector.js";
import { HandshakeTurns } from "../../../src/delivery/handshake-turns.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

let timers: ManualTimers;
let turns: HandshakeTurns;
let done: string[];

beforeEach(() => {
  timers = new ManualTimers();
  turns = new HandshakeTurns(timers);
  done = [];
});

const [ada, eva] = ["ada", "eva"];

/** Adds a step that takes so long. */
function add(endpoint: string, name: string, ms: number): void {
  turns.run(endpoint, () => {
    done.push(name);
    timers.pass(ms);
  });
}

it("takes a single step at once", () => {
  add(ada, "a1", 100);
  expect(done).toEqual(["a1"]);
});

it("takes one long step in a turn, and leaves everything else the time beyond a turn's", () => {
  for (const name of ["a1", "a2", "a3"]) add(ada, name, 100);
  timers.advance(49);
  expect(done).toEqual(["a1"]);
  timers.advance(1);
  expect(done).toEqual(["a1", "a2"]);
});

it("takes usual steps together for 50 ms", () => {
  for (let index = 1; index <= 52; index += 1) add(ada, `a${index}`, 1);
  timers.advance(0);
  expect(done.length).toBe(51);
  timers.advance(0);
  expect(done.length).toBe(52);
});

/** While others' handshakes wait, it connects to an endpoint that answers so, and its time is over. */
async function connectTo(answer: string): Promise<void> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const connectTimers = new ManualTimers();
  const options = {
    timers: connectTimers,
    names: { resolve: async () => [] },
    addressRule: ANY_ADDRESS,
    connectTimeoutMs: 5_000,
  };
  const connect = createConnector(options, { connecting: new Set(), handshakes: turns });
  for (const name of ["a1", "a2"]) add(ada, name, 60);
  const port = String((server.address() as AddressInfo).port);
  const target = { hostname: "127.0.0.1", host: "127.0.0.1", protocol: "https:", port };
  const accepted = once(server, "connection");
  connect(target, (...[error]) => void done.push(String(error?.message)));
  const [socket] = (await accepted) as [Socket];
  await new Promise<unknown>((resolve) => socket.write(answer, resolve));
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  connectTimers.advance(5_000);
  socket.destroy();
  server.close();
}

it("gives an endpoint up that is silent, though others wait for their turn", async () => {
  await connectTo("");
  expect(done).toEqual(["a1", expect.stringMatching(/within 5 s$/)]);
});

it("gives no endpoint up whose own handshake waits for its turn", async () => {
  await connectTo("HTTP/1.1 400 Bad Request\r\n\r\n");
  expect(done).toEqual(["a1"]);
});

it("lets endpoints take turns", () => {
  for (const name of ["a1", "a2", "a3", "a4"]) add(ada, name, 1);
  for (const name of ["e1", "e2"]) add(eva, name, 1);
  timers.advance(0);
  expect(done).toEqual(["a1", "a2", "e1", "a3", "e2", "a4"]);
});

it("lets those come last whose steps are known to take long", () => {
  add(ada, "a1", 100);
  add(ada, "a2", 100);
  add(ada, "a3", 100);
  add(eva, "e1", 1);
  add(eva, "e2", 1);
  timers.advance(50);
  expect(done).toEqual(["a1", "e1", "e2", "a2"]);
});

it("lets those that aren't known yet take turns with those that are known to be cheap, however many there are", () => {
  add(eva, "e1", 1);
  timers.advance(0);
  for (const name of ["n1", "n2", "n3"]) add(name, name, 100);
  for (const name of ["e2", "e3"]) add(eva, name, 1);
  timers.advance(1_000);
  expect(done).toEqual(["e1", "n1", "e2", "n2", "e3", "n3"]);
});

it("still knows a costly step after some cheap ones", () => {
  for (const ms of [100, 0, 0, 0]) add(ada, "a", ms);
  timers.advance(100);
  done = [];
  add(eva, "e1", 60);
  add(ada, "a", 100);
  add("n", "n", 100);
  timers.advance(1_000);
  expect(done).toEqual(["e1", "n", "a"]);
});
