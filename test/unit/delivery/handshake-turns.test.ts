import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
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

const [ada, eva] = [{}, {}];

/** Adds a step that takes so long. */
function add(endpoint: object, name: string, ms: number): void {
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
  expect([done.length, turns.isBusy]).toEqual([51, true]);
  timers.advance(0);
  expect([done.length, turns.isBusy]).toEqual([52, false]);
});

it("gives no endpoint up while handshakes wait for their turn", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const connectTimers = new ManualTimers();
  const options = {
    timers: connectTimers,
    names: { resolve: async () => [] },
    addressRule: ANY_ADDRESS,
    connectTimeoutMs: 5_000,
  };
  const connect = createConnector(options, { connecting: new Set(), handshakes: turns });
  for (const name of ["a1", "a2"]) add(ada, name, 1);
  const port = String((silent.address() as AddressInfo).port);
  connect(
    { hostname: "127.0.0.1", host: "127.0.0.1", protocol: "https:", port },
    (...[error]) => void done.push(String(error?.message)),
  );
  connectTimers.advance(5_000);
  expect(done).toEqual(["a1"]);
  timers.advance(0);
  connectTimers.advance(5_000);
  expect(done).toEqual(["a1", "a2", expect.stringMatching(/within 5 s$/)]);
  silent.close();
});

it("lets endpoints take turns", () => {
  for (const name of ["a1", "a2", "a3", "a4"]) add(ada, name, 1);
  for (const name of ["e1", "e2"]) add(eva, name, 1);
  timers.advance(0);
  expect(done).toEqual(["a1", "a2", "e1", "a3", "e2", "a4"]);
});
