/** The limits of the platform's plans hold for each API key. */
import { DAY_MS } from "../../domain/duration.js";
import type { Plan } from "../../domain/service-settings.js";
import type { LimitState, LimitStore } from "../../store/nodes/limits.js";
import { type ClientLimits, clientLimits } from "./client-limits.js";

export type RateVerdict = { readonly over: null } | { readonly over: "QPS" | "QPD"; readonly retryAfterSeconds: number };

const SECOND_MS = 1000;
const WITHIN: RateVerdict = { over: null };

/**
 * Counts by calendar second and UTC day, for all nodes on the database. Each admitted request is a write there, of which a plan
 * has few; rejecting one takes none. One process counts in memory, and a restart resets it.
 */
export class RateCounter {
  readonly #plan: Plan;
  readonly #limits: ClientLimits;

  constructor(plan: Plan, shared: LimitStore | null = null) {
    this.#plan = plan;
    this.#limits = clientLimits(shared);
  }

  admitRequest(key: string, now: number): RateVerdict | Promise<RateVerdict> {
    const keys = [`plan ${key}`];
    const [known = []] = this.#limits.knownStates(keys);
    const verdict = this.#judge(usageAt(known, now), now);
    if (verdict.over !== null) return verdict;
    return this.#limits.changeStates<RateVerdict>(keys, ([stored = []]) => {
      const usage = usageAt(stored, now);
      const result = this.#judge(usage, now);
      if (result.over !== null) return { states: null, result };
      const { second, inSecond, day, inDay } = usage;
      return { states: [{ state: [second, inSecond + 1, day, inDay + 1], expiresAt: (day + 1) * DAY_MS }], result };
    });
  }

  #judge({ day, inDay, inSecond }: Usage, now: number): RateVerdict {
    if (inDay >= this.#plan.perDay) {
      return { over: "QPD", retryAfterSeconds: Math.ceil(((day + 1) * DAY_MS - now) / SECOND_MS) };
    }
    return inSecond >= this.#plan.perSecond ? { over: "QPS", retryAfterSeconds: 1 } : WITHIN;
  }
}

interface Usage {
  readonly second: number;
  readonly inSecond: number;
  readonly day: number;
  readonly inDay: number;
}

/**
 * Another node's clock may be some milliseconds ahead, so a second that has begun there goes on. A later one was counted before
 * the clock was set back.
 */
function usageAt([countedSecond = 0, inSecond = 0, countedDay = 0, inDay = 0]: LimitState, now: number): Usage {
  const thisSecond = Math.floor(now / SECOND_MS);
  const second = countedSecond === thisSecond + 1 ? countedSecond : thisSecond;
  const day = Math.floor((second * SECOND_MS) / DAY_MS);
  return { second, inSecond: countedSecond === second ? inSecond : 0, day, inDay: countedDay === day ? inDay : 0 };
}
