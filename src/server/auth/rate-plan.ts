/** The platform's, per API key. */

export type PlanName = "startup" | "business" | "enterprise";

export interface Plan {
  readonly perSecond: number;
  readonly perDay: number;
}

export const PLANS: Readonly<Record<PlanName, Plan>> = {
  startup: { perSecond: 5, perDay: 10_000 },
  business: { perSecond: 10, perDay: 20_000 },
  enterprise: { perSecond: 30, perDay: 50_000 },
};

export type RateVerdict = { readonly over: null } | { readonly over: "QPS" | "QPD"; readonly retryAfterSeconds: number };

interface Usage {
  second: number;
  inSecond: number;
  day: number;
  inDay: number;
}

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const WITHIN: RateVerdict = { over: null };

/** By calendar second and UTC day. A restart resets it. */
export class RateCounter {
  readonly #plan: Plan;
  /** By API key. */
  readonly #usage = new Map<string, Usage>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  take(key: string, now: number): RateVerdict {
    const second = Math.floor(now / SECOND_MS);
    const day = Math.floor(now / DAY_MS);
    const usage = this.#usage.get(key) ?? { second, inSecond: 0, day, inDay: 0 };
    this.#usage.set(key, usage);
    if (usage.day !== day) Object.assign(usage, { day, inDay: 0 });
    if (usage.second !== second) Object.assign(usage, { second, inSecond: 0 });
    if (usage.inDay >= this.#plan.perDay) {
      return { over: "QPD", retryAfterSeconds: Math.ceil(((day + 1) * DAY_MS - now) / SECOND_MS) };
    }
    if (usage.inSecond >= this.#plan.perSecond) return { over: "QPS", retryAfterSeconds: 1 };
    usage.inSecond += 1;
    usage.inDay += 1;
    return WITHIN;
  }
}
