/** Random commands: anything that users, endpoints and the store may do. */
import fc from "fast-check";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import { MIB } from "../../../src/domain/service-settings.js";
import type { Command, RunLimits, RunOptions, UserAct } from "./dispatch-run.js";
import { DAY, MINUTE } from "./simulation.js";

/** `npm run soak:model` does more. */
export const RUNS = 40;
/** Fixed, so that every change is tested by the same runs; WHCB_PROPERTY_SEED sets another. A failure prints its seed. */
export const SEED = Number(process.env.WHCB_PROPERTY_SEED ?? 20_300_101);

const callback = fc.nat(2);
/** The first; retries are off for the second. */
const retried = fc.constant(0);
const call = fc.nat(200);
/** The report is as far ahead as the service permits, or of any time before. */
const ahead = fc.constantFrom(5 * MINUTE, MINUTE, 0, -MINUTE, -6 * MINUTE, -60 * MINUTE, -400 * DAY);
const clientReplay = fc.record({
  act: fc.constant("clientReplay"),
  callback,
  count: fc.constantFrom(1, 5, 1_000),
  isElsewhere: fc.boolean(),
});
const userAct: fc.Arbitrary<UserAct> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant("accept"), callback, count: fc.constantFrom(1, 2, 5, 12, 40) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant("accept"),
      callback,
      count: fc.constantFrom(1, 2, 5),
      bytes: fc.constantFrom(20_000, 300_000, 1_100_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("mark"), callback, call, status: fc.constantFrom("SUCCESS", "FAILED") }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("markAndUndo"), callback, call }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("replay"), callback, call }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("replayAll"), callback }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("cancelReplays"), callback }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("report"), callback, ahead, isAccepted: fc.boolean() }) },
  { weight: 1, arbitrary: clientReplay },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("toggle"), callback }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("pause"), callback, ms: fc.constantFrom(7_000, 11 * MINUTE, DAY, null) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("resume"), callback }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("edit"), callback }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("delete"), callback: fc.constant(2) }) },
) as fc.Arbitrary<UserAct>;
/** What is in flight, only the process itself knows. */
const actOfOthers = userAct.filter(({ act }) => act !== "cancelReplays");
const behaviour = fc.constantFrom("up", "down", "down", "hanging", "slow", "flapping", "choosy");
const advance = fc.constantFrom(
  1,
  300,
  1_000,
  7_000,
  MINUTE,
  5 * MINUTE - 1,
  5 * MINUTE,
  5 * MINUTE + 1,
  11 * MINUTE,
  30 * MINUTE,
);
/** A short one may go unnoticed; a long one outlasts requests, rounds and windows. */
const freeze = fc.record({
  act: fc.constant("freeze"),
  ms: fc.constantFrom(999, 1_001, 6_000, 63_000, 11 * MINUTE, 70 * MINUTE),
});
const jump = fc.constantFrom(-60 * MINUTE, -6 * MINUTE, -MINUTE, 2_000, 6 * MINUTE, 60 * MINUTE);
export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: userAct },
  { weight: 5, arbitrary: fc.record({ act: fc.constant("become"), callback, behaviour }) },
  { weight: 10, arbitrary: fc.record({ act: fc.constant("advance"), ms: advance }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("proxy"), afterMs: fc.constantFrom(0, 5_000, null, null) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("crash") }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("restart") }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant("intrude"), after: fc.nat(12), by: userAct }) },
  { weight: 1, arbitrary: freeze },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("intrude"), after: fc.nat(12), by: freeze }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("stop"), by: actOfOthers }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("storeFails"), after: fc.nat(12), times: fc.integer({ min: 1, max: 3 }) }),
  },
) as fc.Arbitrary<Command>;
/** Some of these commands set the wall clock back or forward. */
export const anyCommandOrJump = fc.oneof(
  { weight: 12, arbitrary: anyCommand },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("jump"), ms: jump }) as fc.Arbitrary<Command> },
);
/** Most are outages whose calls a client replays, and new responses. */
export const outageOrReplay: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant("accept"), callback: retried, count: fc.constantFrom(1, 5, 12, 40) }) },
  { weight: 5, arbitrary: clientReplay.map((replay) => ({ ...replay, callback: 0 })) },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant("become"), callback: retried, behaviour: fc.constantFrom("down", "hanging", "up") }),
  },
  { weight: 7, arbitrary: fc.record({ act: fc.constant("advance"), ms: advance }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("intrude"), after: fc.nat(12), by: clientReplay }) },
  { weight: 2, arbitrary: anyCommand },
) as fc.Arbitrary<Command>;
const policy: fc.Arbitrary<RetryPolicy> = fc
  .tuple(
    fc.constantFrom(
      [5 * MINUTE, 22 * MINUTE],
      [MINUTE, 9 * MINUTE],
      [5 * MINUTE, 60 * MINUTE],
      [5 * MINUTE, 5 * MINUTE],
      [5 * MINUTE, MINUTE],
    ),
    fc.boolean(),
  )
  .map(([[intervalMs = 0, windowMs = 0], jitter]) => ({ intervalMs, windowMs, jitter }));
/** Most are the defaults; the others are at the edges of what the rules say. */
const limits: fc.Arbitrary<RunLimits> = fc.record({
  batch: fc.constantFrom(512, 8, 1),
  inFlightPerEndpoint: fc.constantFrom(64, 64, 64, 1, 9, 10, 11),
  inFlightInAll: fc.constantFrom(512, 512, 512, 1, 2, 17, 33),
  bodyBytes: fc.constantFrom(64 * MIB, 64 * MIB, 1, 8_000, 700_000),
  groupSize: fc.constantFrom(512, 512, 1, 2, 10),
});
export const runOptions: fc.Arbitrary<RunOptions> = fc.record({
  policy,
  callbacks: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  limits,
});
