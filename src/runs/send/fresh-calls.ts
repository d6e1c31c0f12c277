import type { CallState } from "../../client/client.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import type { SkipReason } from "../journal/run-step.js";
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { RunDeps } from "../run-deps.js";
import type { ReplayOptions } from "../run-options.js";

/** What was found out this long ago counts. Marks wait for each other as long. */
export const FRESH_MS = 1_000;

interface Answer {
  /** It is null if the service doesn't tell of several calls at once. */
  readonly states: ReadonlyMap<string, CallState> | null;
  readonly answeredAtMs: number;
}

/** What the service has said of a call that is about to be sent. */
export interface FoundCall {
  /** It is null if the call is still what was listed. */
  readonly skip: SkipReason | null;
  /** The service said it then, by the monotonic clock. */
  readonly answeredAtMs: number;
}

/** A request about calls that come next. */
interface Look {
  readonly ids: ReadonlySet<string>;
  readonly askedAtMs: number;
  /** Rejects with what the client throws. */
  readonly answer: Promise<Answer>;
}

const NO_LOOK: Look = { ids: new Set(), askedAtMs: 0, answer: Promise.resolve({ states: null, answeredAtMs: 0 }) };

/**
 * Looks at the calls again right before they are sent: the service, or somebody else, may have settled some since they were listed. One request
 * asks for all that come next, if the service answers for many at once, and the one after it is on its way while these are sent. Another
 * receiver than the callback's gets what was listed.
 */
export class FreshCalls {
  readonly #callbackId: string;
  readonly #isWanted: boolean;
  readonly #deps: RunDeps;
  /** They were read, and come next. */
  readonly #upcoming = new Set<string>();
  #look = NO_LOOK;
  #nextLook = NO_LOOK;

  constructor({ callbackId, options }: { readonly callbackId: string; readonly options: ReplayOptions }, deps: RunDeps) {
    this.#callbackId = callbackId;
    this.#isWanted = options.to === null || options.mark;
    this.#deps = deps;
  }

  async *read(calls: AsyncIterable<PlannedCall>): AsyncGenerator<PlannedCall> {
    const ahead: PlannedCall[] = [];
    for await (const call of calls) {
      this.#upcoming.add(call.id);
      ahead.push(call);
      if (ahead.length === 2 * MAX_IDS_PER_REQUEST) yield* ahead.splice(0, MAX_IDS_PER_REQUEST);
    }
    yield* ahead;
  }

  /** Throws what the client throws. */
  async find(call: PlannedCall): Promise<FoundCall> {
    this.#upcoming.delete(call.id);
    if (!this.#isWanted) return { skip: null, answeredAtMs: Number.POSITIVE_INFINITY };
    const nowMs = this.#deps.clock.monotonicMs();
    const tells = ({ ids, askedAtMs }: Look) => ids.has(call.id) && nowMs - askedAtMs <= FRESH_MS;
    if (!tells(this.#look)) {
      this.#look = tells(this.#nextLook) ? this.#nextLook : this.#ask([call.id], NO_LOOK);
      this.#nextLook = this.#ask([], this.#look);
    }
    return foundCall(call, await this.#look.answer);
  }

  /** Asks about this call alone, whose last answer is too old. Throws what the client throws. */
  async findAgain(call: PlannedCall): Promise<FoundCall> {
    return foundCall(call, await this.#findStates([call.id]));
  }

  /** Asks about these and those that come next, but for those of another look. */
  #ask(callIds: readonly string[], other: Look): Look {
    const ids = new Set(callIds);
    for (const id of this.#upcoming) {
      if (ids.size === MAX_IDS_PER_REQUEST) break;
      if (!other.ids.has(id)) ids.add(id);
    }
    if (ids.size === 0) return NO_LOOK;
    const answer = this.#findStates([...ids]);
    // Only the calls that are sent next may fail for it.
    answer.catch(() => {});
    return { ids, askedAtMs: this.#deps.clock.monotonicMs(), answer };
  }

  async #findStates(callIds: readonly string[]): Promise<Answer> {
    const states = await this.#deps.client.findStates(this.#callbackId, callIds);
    return { states, answeredAtMs: this.#deps.clock.monotonicMs() };
  }
}

function foundCall(call: PlannedCall, { states, answeredAtMs }: Answer): FoundCall {
  const state = states?.get(call.id);
  const isOther = isOtherResponse(call.submittedAt, state?.submittedAt);
  if (states === null || (state?.status === "FAILED" && !isOther)) return { skip: null, answeredAtMs };
  return { skip: isOther && state?.status !== "SUCCESS" ? "reopened" : "settled", answeredAtMs };
}

/** The sender used the id of a call that isn't kept any more for another one. */
export function isOtherResponse(listedAt: number | undefined, submittedAt: number | undefined): boolean {
  return listedAt !== undefined && submittedAt !== undefined && listedAt !== submittedAt;
}
