import {
  type Endpoint,
  type EndpointFailure,
  endpointAfterDrain,
  endpointAfterFailure,
  endpointAfterPause,
  endpointAfterRepair,
  endpointAfterReplayRequest,
  endpointAfterSuccess,
  endpointAtRound,
  endpointByClock,
} from "../../domain/endpoint.js";
import {
  type OpenOutage,
  type OutageProgress,
  outageAfterFirstFailure,
  outageAfterGoingDown,
  outageAfterHolding,
  outageAfterSuccess,
  outageByClock,
  outageClosesAt,
  outageWithoutHoldings,
  type UnrecoveredOutage,
} from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";

export interface Health {
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  /** The last outage, if it closed without a success since its last first failure, and there was none since. */
  readonly unrecoveredOutage: UnrecoveredOutage | null;
}

export interface HealthChange {
  /** The same object if nothing changed. */
  readonly health: Health;
  readonly closed: EndedOutage | null;
}

export interface EndedOutage extends OpenOutage {
  readonly endedAt: number;
}

export interface Failure extends EndpointFailure {
  readonly isFirst: boolean;
}

/** Returns when the outage closes, or null if none is open. */
export function closesAt(health: Health, policy: RetryPolicy): number | null {
  const outage = outageSoFar(health);
  return outage && outageClosesAt(outage, health.endpoint.state, policy);
}

/** One call that the endpoint always rejects says nothing of the others, two since its last success do. */
function outageSoFar({ endpoint, outage }: Health): OpenOutage | null {
  return endpoint.failedCalls.length > 1 ? outageAfterGoingDown(outage) : outage;
}

export function healthAfterSuccess(before: Health, at: number, policy: RetryPolicy, maxInFlight: number): HealthChange {
  const { health, closed } = closeIfOver(before, at, policy);
  const endpoint = endpointAfterSuccess(health.endpoint, at, maxInFlight);
  return {
    health: healthWith(health, { endpoint, outage: outageAfterSuccess(health.outage, at), unrecoveredOutage: null }),
    closed,
  };
}

/** An e-mail is owed for an outage that `isNew`. `newId` is used for one. */
export function healthAfterFailure(
  before: Health,
  failure: Failure,
  policy: RetryPolicy,
  random: number,
  newId: () => string,
): HealthChange & { readonly isNew: boolean } {
  const { health, closed } = closeIfOver(before, failure.at, policy);
  const endpoint = endpointAfterFailure(health.endpoint, failure, policy, random);
  if (!failure.isFirst) {
    const outage = endpoint.state === health.endpoint.state ? health.outage : outageAfterGoingDown(health.outage);
    return { health: healthWith(health, { endpoint, outage }), closed, isNew: false };
  }
  const { outage, isNew } = outageAfterFirstFailure(health.outage, failure, newId, before.unrecoveredOutage, policy);
  return { health: healthWith(health, { endpoint, outage, unrecoveredOutage: null }), closed, isNew };
}

export function healthAfterHolding(health: Health): Health {
  return healthWith(health, { outage: health.outage && outageAfterHolding(health.outage) });
}

export function healthWithoutHoldings(health: Health, skipped: number): Health {
  return healthWith(health, { outage: outageWithoutHoldings(health.outage, skipped) });
}

export function healthAtRound(health: Health, at: number, policy: RetryPolicy, random: number): Health {
  return healthWith(health, { endpoint: endpointAtRound(health.endpoint, at, policy, random) });
}

export function healthAfterDrain(before: Health, at: number, policy: RetryPolicy): HealthChange {
  const health = healthWith(before, { endpoint: endpointAfterDrain(before.endpoint) });
  const overAt = closesAt(health, policy);
  // Calls were held until now, so a quiet outage closes now.
  return overAt !== null && overAt <= at ? closeOutage(health, at) : { health, closed: null };
}

/** Follows a repair or a requested replay at these instants, which are null if there was none. */
export function healthAfterChanges(before: Health, repairedAt: number | null, replayRequestedAt: number | null): Health {
  let { endpoint } = before;
  if (repairedAt !== null) endpoint = endpointAfterRepair(endpoint, repairedAt);
  if (replayRequestedAt !== null) endpoint = endpointAfterReplayRequest(endpoint, replayRequestedAt);
  return healthWith(before, { endpoint });
}

export function healthAtPause(health: Health, at: number): Health {
  return healthWith(health, { endpoint: endpointAfterPause(health.endpoint, at) });
}

/** While the endpoint is down, a round and a probe are due. An outage that would have closed meanwhile closes now. */
export function healthAfterPause(before: Health, at: number, policy: RetryPolicy): HealthChange {
  const health = healthWith(before, { endpoint: endpointAfterRepair(endpointAfterPause(before.endpoint, at), at) });
  const overAt = closesAt(health, policy);
  return overAt !== null && overAt <= at ? closeOutage(health, at) : { health, closed: null };
}

/** Changes what follows from the time alone, but closes no outage in a pause. The clock may have been set back. */
export function healthByClock(before: Health, now: number, policy: RetryPolicy, isPaused: boolean): HealthChange {
  const endpoint = endpointByClock(before.endpoint, now, policy);
  const health = healthWith(before, { endpoint, outage: outageByClock(before.outage, now) });
  return isPaused ? { health, closed: null } : closeIfOver(health, now, policy);
}

/** Closes the outage if none of its calls is FAILED. */
export function healthAfterCheck(health: Health, { hasFailed, hasDelivered }: OutageProgress, at: number): HealthChange {
  if (health.outage === null || hasFailed) return { health, closed: null };
  const outage = hasDelivered ? outageAfterSuccess(health.outage, at) : outageSoFar(health);
  return closeOutage(health, at, outage, false);
}

function closeIfOver(health: Health, at: number, policy: RetryPolicy): HealthChange {
  const overAt = closesAt(health, policy);
  return overAt !== null && overAt <= at ? closeOutage(health, overAt) : { health, closed: null };
}

/** Without a success since, the endpoint may still fail; after marks, so before it `isOver`, the same outage reopens then. */
function closeOutage(health: Health, endedAt: number, outage = outageSoFar(health), isOver = true): HealthChange {
  const unrecovered: UnrecoveredOutage | null = outage?.quietSince === null ? outage : null;
  const unrecoveredOutage = unrecovered && isOver ? { ...unrecovered, isOver } : unrecovered;
  return { health: healthWith(health, { outage: null, unrecoveredOutage }), closed: outage && { ...outage, endedAt } };
}

function healthWith(health: Health, to: Partial<Health>): Health {
  const { endpoint = health.endpoint, outage = health.outage, unrecoveredOutage = health.unrecoveredOutage } = to;
  const isSame = endpoint === health.endpoint && outage === health.outage && unrecoveredOutage === health.unrecoveredOutage;
  return isSame ? health : { endpoint, outage, unrecoveredOutage };
}
