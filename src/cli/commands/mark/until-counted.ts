import { count } from "../../../domain/count.js";
import { HOUR_MS, MINUTE_MS } from "../../../domain/duration.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { MarkPlan } from "../../../runs/run-marks.js";
import { toIsoDate } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { SINCE, UNTIL } from "../../args/filter-flags.js";
import { flagName } from "../../args/flag.js";
import { withFlagValue } from "../../args/whole-paths.js";
import { formatInstant } from "../../output/times.js";

/** A date without a zone may be off by 14 hours, and a clock by less than an hour. */
const PAST_MS = 15 * HOUR_MS;

/**
 * The line to type selects again, so it says until when: nobody has been asked about calls that were attempted later. Where dates have whole
 * minutes or seconds, more calls may get the latest one, so it leaves these out until that is past. Calls without a date are never before it.
 */
export function untilCounted<Typed extends Invocation>(
  invocation: Typed,
  { groups, listedAt }: MarkPlan,
  { client, clock }: RunDeps,
): { readonly repeated: Typed; readonly leftOut: readonly string[] } {
  const latest = Math.max(...groups.map(({ attempts }) => attempts.read().lastAttemptedAt ?? 0));
  // A client may have dated its attempt ahead of the service's clock, and the dates' time zone may not be known.
  const isAhead = latest === 0 || latest > (client.serviceNow() ?? clock.now());
  const lastAttemptedAt = isAhead ? client.toServiceClock(listedAt) : latest;
  const isExact = client.capabilities.has("exact-lists");
  const unit = (!isExact && [MINUTE_MS, 1_000].find((each) => lastAttemptedAt % each === 0)) || 1;
  const isPast = unit === 1 || lastAttemptedAt < clock.now() - PAST_MS;
  const until = isPast ? lastAttemptedAt + unit : lastAttemptedAt;
  const at = formatInstant(lastAttemptedAt, invocation.screen.renderOptions.utc);
  const undated = groups.reduce((sum, group) => sum + group.undated, 0);
  const leftOut = [
    ...(latest > lastAttemptedAt ? [`the calls dated later than ${at}, the time of the list`] : []),
    ...(isPast ? [] : [`the calls of ${at}, as more may get this date`]),
    ...(undated > 0 ? [`${count(undated, "call")} without the date of an attempt`] : []),
  ];
  const since = invocation.args.get(SINCE);
  // A time of day is another one in another time zone.
  const argv = since === undefined ? invocation.argv : withFlagValue(invocation.argv, flagName(SINCE.syntax), toIsoDate(since));
  return {
    repeated: { ...invocation, argv: withFlagValue(argv, flagName(UNTIL.syntax), toIsoDate(until)) },
    leftOut: leftOut.map((calls) => `the line to type leaves out ${calls}: mark them by their ids`),
  };
}
