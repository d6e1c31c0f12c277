import type { VNode } from "preact";
import { type Call, isInWindow } from "../../../domain/call.js";
import type { Callback, Pause } from "../../../domain/callback.js";
import { spellDuration } from "../../../domain/duration.js";
import { type Endpoint, FAILURES_TO_DOWN, NEW_ENDPOINT } from "../../../domain/endpoint.js";
import { type RetryPolicy, retryUntil } from "../../../domain/retry-policy.js";
import type { EndpointReport } from "../../../store/outcomes/endpoints.js";
import type { ServerDeps } from "../../server-deps.js";
import { Time } from "./data.js";

/** Decides when a callback's calls are sent. */
export interface Sending {
  readonly endpoint: Endpoint;
  readonly policy: RetryPolicy;
  readonly retriesEnabled: boolean;
  /** The seqs of the calls in flight, or null if another process may have some. */
  readonly begun: ReadonlySet<number> | null;
  readonly now: number;
  /** It isn't over. */
  readonly pause: Pause | null;
}

export function sendingOf(deps: ServerDeps, { id, retriesEnabled }: Callback, record: EndpointReport | undefined): Sending {
  const endpoint = record?.endpoint ?? NEW_ENDPOINT;
  const now = deps.clock.now();
  return { endpoint, policy: deps.policy, retriesEnabled, begun: deps.begunCalls(id), now, pause: record?.pause ?? null };
}

/** Follows docs/dispatcher.md, An endpoint. It never shows an instant that has passed. A brief one is for a table. */
export function NextAttempt({ call, sending, isBrief = false }: { call: Call; sending: Sending; isBrief?: boolean }): VNode {
  const { endpoint, begun, now, policy, retriesEnabled, pause } = sending;
  const { status, due, seq } = call;
  if (status === "SUCCESS") return <>none: it is settled</>;
  if (begun?.has(seq)) return <>being sent</>;
  const endsAt = pause === null ? endpoint.recoveringSince : pause.until;
  const isOver = due === null || !isInWindow(call, endsAt ?? now, policy);
  if (pause !== null && (status === "PENDING" || !isOver)) return <>after the pause</>;
  const isDown = endpoint.state === "down";
  if (status === "PENDING") {
    if (!isDown || !retriesEnabled) return <>the first, due now</>;
    return (
      <>
        the first, with a probe (<Next at={endpoint.probeAt} now={now} />)
      </>
    );
  }
  if (due?.cause === "replay") return isDown ? <>a replay, {inRound()}</> : <>a replay, due now</>;
  if (isOver) {
    return (
      <>
        not by itself
        {!isBrief && <WhyNotByItself call={call} sending={sending} />}
      </>
    );
  }
  if (isDown) return inRound();
  if (endpoint.state === "recovering") return <>as the endpoint recovers{!isBrief && ", oldest first"}</>;
  return due.at > now ? <Time at={due.at} /> : <>due now</>;

  function inRound(): VNode {
    return isBrief ? (
      <>in a retry round</>
    ) : (
      <>
        in a retry round (<RoundFacts sending={sending} />)
      </>
    );
  }
}

/** Says what is sent once retries are on or what is sent to is repaired: docs/dispatcher.md, A call, rules 7 and 8. */
export function resentText({ windowMs }: RetryPolicy): string {
  return `the calls that failed within the last ${spellDuration(windowMs)} are sent again now, or in retry rounds while the endpoint is down.`;
}

/** An example: "10 each 5 minutes; next at 2026-11-28 06:05:00 UTC". */
export function RoundFacts({ sending: { endpoint, policy, now } }: { sending: Sending }): VNode {
  return (
    <>
      {`${FAILURES_TO_DOWN} each ${spellDuration(policy.intervalMs)}`}; <Next at={endpoint.roundAt} now={now} />
    </>
  );
}

function Next({ at, now }: { at: number | null; now: number }): VNode {
  if (at === null || at <= now) return <>next due now</>;
  return (
    <>
      next at <Time at={at} />
    </>
  );
}

function WhyNotByItself({ call, sending }: { call: Call; sending: Sending }): VNode | null {
  const { firstFailedAt, settledBy } = call;
  const { retriesEnabled, policy, now } = sending;
  if (settledBy !== null) return <>: it was marked failed</>;
  if (!retriesEnabled) return <>: retries are off</>;
  if (firstFailedAt === null || now <= retryUntil(firstFailedAt, policy)) return null;
  return (
    <>
      : its retries ended at <Time at={retryUntil(firstFailedAt, policy)} />
    </>
  );
}
