import fc from "fast-check";
import { beforeAll, it } from "vitest";
import { SEED } from "../support/dispatcher/arbitrary-commands.js";
import type { NodesCommand, NodesOptions } from "../support/dispatcher/nodes/nodes-run.js";
import { createSharedDatabase, type SharedDatabase } from "../support/dispatcher/nodes/shared-database.js";
import { nodesProperty } from "./dispatcher-nodes.js";

let database: SharedDatabase;

beforeAll(async () => {
  database = await createSharedDatabase("nodes_model");
});

const options: NodesOptions = {
  policy: { intervalMs: 15_000, windowMs: 60_000, jitter: false },
  callbacks: 1,
  seed: 1,
  offMs: [0, 3],
};
const answersAfter = (afterMs: number): NodesCommand => {
  return { act: "become", callback: 0, endpoint: { accepts: 10, afterMs, connectMs: 0 } };
};
const rejectsAfter = (afterMs: number): NodesCommand => {
  return { act: "become", callback: 0, endpoint: { accepts: 0, afterMs, connectMs: 999 } };
};
const accept: NodesCommand = { act: "accept", callback: 0, node: 0, count: 5 };
const traffic: NodesCommand = { act: "traffic", callback: 0, count: 20, everyMs: 999 };
const pass = (ms: number): NodesCommand => ({ act: "advance", ms });
const cut = (node: number | "both", isAll: boolean): NodesCommand => {
  return { act: "cut", node, ms: 20_000, isAll, isExecuted: false };
};
const pause = (node: number): NodesCommand => ({ act: "pause", node, ms: 27_000, isSent: true });

/** Whichever node owns the callback. */
const cutFromLeases = [accept, pass(1_000), cut(0, false), traffic, cut(1, false), traffic];
const pausedPastLease = [
  answersAfter(12_000),
  accept,
  pass(1_000),
  pause(0),
  pass(28_000),
  accept,
  pass(1_000),
  pause(1),
  pass(28_000),
];
const databaseAway = [answersAfter(27_000), pass(5_000), accept, pass(1_000), cut("both", true), pass(35_000)];
/** A round is what ends it. */
const isDown = [rejectsAfter(0), accept, accept, pass(20_000)];
/** Their windows end before their answers come. */
const isDownWithNothingToRetry = [rejectsAfter(60_000), accept, accept, pass(1_000)];

it("two dispatchers lose nothing, repeat only what a lost lease left open, and owe one e-mail an outage", {
  timeout: 600_000,
}, () => {
  const examples = [cutFromLeases, pausedPastLease, databaseAway, isDownWithNothingToRetry].map(
    (commands) => [options, commands] as [NodesOptions, NodesCommand[]],
  );
  const longWindow = { ...options, policy: { ...options.policy, windowMs: 180_000 } };
  examples.push([longWindow, isDown]);
  return fc.assert(
    nodesProperty(() => database),
    { numRuns: 8, seed: SEED, examples, endOnFailure: true },
  );
});
