import type { OnListed } from "../../client/call-requests.js";
import { formatDuration, readTimeAgo } from "../../domain/duration.js";
import { WhcbError } from "../../domain/errors.js";
import { readInstants, saysZone, toIsoDate } from "../../wire/dates.js";
import { attemptedDateOf, type ListedCall } from "../../wire/json/call-json.js";
import type { Invocation } from "../args/command-spec.js";
import { SINCE, UNTIL } from "../args/filter-flags.js";
import { flagName } from "../args/flag.js";
import { FUTURE_MS, typedZone } from "../args/typed-instant.js";
import { YES } from "../output/questions.js";
import { formatInstant } from "../output/times.js";
import type { ResolvedSettings } from "./resolve-settings.js";

const CLOCKS_APART_MS = 60_000;

/**
 * Dates decide here which calls are meant. It warns once of dates that may be read wrongly, once of one that clocks make two instants of, and
 * once of one that can't be right. Where calls would be changed unasked, it throws `config` for a time ago if the clocks differ, and for one
 * without a zone if the dates have none.
 */
export function watchDates({ args, screen }: Invocation, timezone: ResolvedSettings["timezone"]): OnListed {
  const { now, utc } = screen.renderOptions;
  const [since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY] = [args.get(SINCE), args.get(UNTIL)];
  let isZoneKnown = timezone.from !== "default";
  let hasRepeated = false;
  let hasFuture = false;
  let areClocksApart = false;
  return (calls, serviceAheadMs): void => {
    if (!areClocksApart && Math.abs(serviceAheadMs) > CLOCKS_APART_MS) {
      areClocksApart = true;
      const apart = `${formatDuration(Math.abs(serviceAheadMs))} ${serviceAheadMs < 0 ? "ahead of" : "behind"}`;
      const message = `this machine's clock is ${apart} the service's, and`;
      const ago = Math.abs(serviceAheadMs) > FUTURE_MS ? findUnasked((typed) => readTimeAgo(typed.trim()) !== null) : undefined;
      if (ago !== undefined) {
        const hint = `set the clock, or give ${flagName(ago.syntax)} a date and a time with a zone`;
        throw new WhcbError("config", `${message} a time ago goes by it`, { hint });
      }
      screen.info(`warning: ${message} --since and --until go by it`);
    }
    if (!isZoneKnown && calls.some(({ raw }) => saysZone(attemptedDateOf(raw)) === false)) {
      isZoneKnown = true;
      const local = utc ? undefined : findUnasked((typed) => typedZone(typed) === null);
      if (local !== undefined) {
        const hint = `set the profile's: \`whcb config set timezone ZONE\`, or give ${flagName(local.syntax)} a time with a Z, as it is listed with --utc`;
        throw new WhcbError("config", "the service's dates have no time zone, so it isn't known which calls are meant", { hint });
      }
      screen.info("warning: the service's dates have no time zone and count as UTC: the profile's `timezone` isn't set");
    }
    const repeated = hasRepeated ? undefined : calls.find(isHalfMeant);
    if (repeated !== undefined) {
      hasRepeated = true;
      const instants = instantsOf(repeated).map(toIsoDate).join(" or ");
      const message = `the last attempt of call ${repeated.id} was at ${instants}, as the clocks changed then`;
      screen.info(`warning: ${message}: calls of which --since and --until take only one are left out`);
    }
    const future = hasFuture ? undefined : calls.find(({ attemptedAt }) => (attemptedAt ?? now) > now + FUTURE_MS);
    if (future === undefined) return;
    hasFuture = true;
    const at = formatInstant(future.attemptedAt ?? now, utc);
    screen.info(`warning: the last attempt of call ${future.id} reads as in the future: ${at}`);
  };

  function instantsOf({ raw }: ListedCall): readonly number[] {
    return readInstants(attemptedDateOf(raw), timezone.value);
  }

  function isHalfMeant(call: ListedCall): boolean {
    const instants = instantsOf(call);
    const meant = instants.filter((at) => at >= since && at < until);
    return meant.length > 0 && meant.length < instants.length;
  }

  function findUnasked(isMeant: (typed: string) => boolean): typeof SINCE | undefined {
    const isTyped = (limit: typeof SINCE): boolean =>
      args.get({ ...limit, read: (raw) => typeof raw === "string" && isMeant(raw) });
    return args.get(YES) ? [SINCE, UNTIL].find(isTyped) : undefined;
  }
}
