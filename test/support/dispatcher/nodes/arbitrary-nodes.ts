/** Random commands to two nodes: most times are at the edges of leases, which are trusted for 12 s and end after 15. */
import fc from "fast-check";
import type { RetryPolicy } from "../../../../src/domain/retry-policy.js";
import { MINUTE } from "../simulation.js";
import type { NodesAct, NodesCommand, NodesOptions } from "./nodes-run.js";

const callback = fc.nat(2);
const node = fc.nat(1);
const call = fc.nat(60);
const edges = [999, 1_000, 1_001, 2_999, 3_000, 3_001, 5_000, 9_999, 10_000, 11_999, 12_000, 12_001, 14_999, 15_000, 15_001];
const leaseEdge = fc.oneof(fc.constantFrom(...edges, 17_000, 20_000, 27_000), fc.integer({ min: 9_000, max: 28_000 }));
/** Most end a lease. */
const away = fc.oneof(leaseEdge, fc.integer({ min: 12_000, max: 45_000 }));
const soon = fc.constantFrom(1, 499, 500, 1_000, 5_000);

const anyAct = fc.oneof(
  { weight: 7, arbitrary: fc.record({ act: fc.constant("accept"), callback, node, count: fc.constantFrom(1, 2, 5, 12) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("mark"), callback, call, status: fc.constantFrom("SUCCESS", "FAILED") }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("replay"), callback, call }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constantFrom("edit", "pauseCallback", "resumeCallback", "resumeCallback"), callback }),
  },
  { weight: 4, arbitrary: fc.record({ act: fc.constant("pause"), node, ms: away, isSent: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("kill"), node, ms: away, isSent: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("restart"), node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("cut"),
      node: fc.oneof(node, node, fc.constant("both")),
      ms: away,
      isAll: fc.boolean(),
      isExecuted: fc.boolean(),
    }),
  },
) as fc.Arbitrary<NodesAct>;

const endpoint = fc.record({
  accepts: fc.constantFrom(10, 10, 9, 0, 0),
  afterMs: fc.oneof(fc.constantFrom(0, 300, MINUTE), leaseEdge, leaseEdge),
  connectMs: fc.oneof(
    fc.constantFrom(0, 0, 0, 0, 4_999),
    leaseEdge.filter((ms) => ms < 5_000),
  ),
});

const jump = fc.record({ act: fc.constant("jump"), ms: fc.constantFrom(-10 * MINUTE, -15_000, 15_000, 10 * MINUTE) });

/** So there is something to send whenever a lease ends. */
const traffic = fc.record({
  act: fc.constant("traffic"),
  callback,
  count: fc.integer({ min: 3, max: 20 }),
  everyMs: fc.constantFrom(300, 999, 1_500),
});

export const anyNodesCommand = fc.oneof(
  { weight: 12, arbitrary: anyAct },
  { weight: 6, arbitrary: fc.record({ act: fc.constant("intrude"), after: fc.nat(30), by: anyAct }) },
  { weight: 5, arbitrary: fc.record({ act: fc.constant("become"), callback, endpoint }) },
  { weight: 7, arbitrary: traffic },
  { weight: 7, arbitrary: fc.record({ act: fc.constant("advance"), ms: fc.oneof(soon, leaseEdge) }) },
) as fc.Arbitrary<NodesCommand>;

/** In one run of ten, the database's clock is set. */
export const anyNodesCommands = fc.oneof(
  { weight: 9, arbitrary: fc.array(anyNodesCommand, { minLength: 5, maxLength: 15, size: "max" }) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.oneof({ weight: 9, arbitrary: anyNodesCommand }, { weight: 1, arbitrary: jump as fc.Arbitrary<NodesCommand> }),
      { minLength: 5, maxLength: 15, size: "max" },
    ),
  },
);

const policy: fc.Arbitrary<RetryPolicy> = fc
  .tuple(fc.constantFrom([15_000, MINUTE], [12_000, 3 * MINUTE], [MINUTE, 5 * MINUTE]), fc.boolean())
  .map(([[intervalMs = 0, windowMs = 0], jitter]) => ({ intervalMs, windowMs, jitter }));

/** Nodes go by the database's clock, which they measure every few seconds. */
const off = fc.constantFrom(0, 0, -30, -3, -1, 1, 3, 30);

export const nodesOptions: fc.Arbitrary<NodesOptions> = fc.record({
  policy,
  callbacks: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  offMs: fc.tuple(off, off),
});
