/** These build the state of one endpoint, without a store. */
import { type EndpointState, expectAnything, newEndpointState } from "../../../src/dispatcher/endpoint/endpoint-state.js";
import type { FailedCalls, WorkBatch } from "../../../src/dispatcher/endpoint/fetch-work.js";
import { beginRead } from "../../../src/dispatcher/endpoint/read-calls.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../src/domain/endpoint.js";
import type { OpenOutage } from "../../../src/domain/outage.js";
import { aCall, someSettings } from "../builders.js";
import { seededRandom } from "../time/seeded-random.js";
import { HOUR, MINUTE } from "./simulation.js";

export const POLICY = { intervalMs: 5 * MINUTE, windowMs: HOUR, jitter: false };
export const RULES = { policy: POLICY, maxInFlight: 64 };
/** Both clocks show this time. */
export const AT = { ...RULES, now: 10 * MINUTE, monotonicMs: 10 * MINUTE, random: seededRandom(1) };
export const AN_OUTAGE: OpenOutage = { id: "OLD", startedAt: 9 * MINUTE, failedCalls: 1, quietSince: null };

export interface AnEndpoint {
  readonly endpoint?: Partial<Endpoint>;
  readonly outage?: OpenOutage | null;
  readonly retriesEnabled?: boolean;
}

export function anEndpoint({ endpoint = {}, outage = null, retriesEnabled = true }: AnEndpoint = {}): EndpointState {
  const times = {
    createdAt: 0,
    targetVersion: "",
    updatedAt: 0,
    repairedAt: 0,
    replayRequestedAt: 0,
    replayProbeAt: 0,
    pause: null,
  };
  const callback = { ...someSettings({ retriesEnabled }), id: "A", ...times, signingSecrets: [] };
  const record = { callback, fence: 0, endpoint: { ...NEW_ENDPOINT, ...endpoint }, outage, pendingCalls: 0, nextDueAt: null };
  return newEndpointState(record, AT.now, RULES);
}

/** Builds an endpoint that is down, with an open outage. The next probe and the next round aren't due. */
export function aDownEndpoint(over: Partial<Endpoint> = {}): EndpointState {
  const times = { downSince: AT.now - MINUTE, roundAt: AT.now + MINUTE, roundBeganAt: AT.now - MINUTE, probeAt: AT.now + 1_000 };
  return anEndpoint({ endpoint: { state: "down", ...times, ...over }, outage: AN_OUTAGE });
}

/** Calls with these seqs. `firstFailedAt` is given for failed ones. */
export function someCalls(seqs: readonly number[], firstFailedAt: number | null = null) {
  const failed = { firstFailedAt, sentAt: firstFailedAt, due: { at: AT.now, cause: "retry" } } as const;
  return seqs.map((seq) => aCall({ seq, id: `call ${seq}`, ...(firstFailedAt !== null && failed) }));
}

/** What a read finds that the endpoint asks for now. */
export function aBatch(endpoint: EndpointState, found: Partial<Omit<WorkBatch, "request">>, failed?: FailedCalls): WorkBatch {
  expectAnything(endpoint.hints);
  const request = beginRead(endpoint, AT.now, { calls: 100, bytes: 1_000_000 }, RULES);
  const nothing = { pending: [], hasMorePending: false, held: null, failed: [], hasMoreFailed: false };
  return { request: failed ? { ...request, failed } : request, ...nothing, upcoming: [], hasMoreUpcoming: false, ...found };
}
