/** Says what the readings of a callback mean together. */
import type { ListedOutage } from "../../../client/client.js";
import type { CallbackReading, ShownCall } from "./callback-reader.js";

export interface WatchedCallback {
  readonly reading: CallbackReading;
  /** `perSecond` has calls a second, which are null if not known yet, or if the service doesn't say. */
  readonly perSecond: { readonly in: number | null; readonly succeeded: number | null; readonly failed: number | null };
  /** The rates are of this window. It is null if not known yet. */
  readonly windowMs: number | null;
  /** `backlog` counts calls that wait or have failed, and is null if unknown. */
  readonly backlog: number | null;
  /** The backlog takes so long at the present rate. It is null if the backlog isn't draining. */
  readonly drainedInMs: number | null;
  readonly samples: readonly Sample[];
}

export type WatchChange =
  | { readonly kind: "failure"; readonly call: ShownCall }
  | { readonly kind: "more-failures"; readonly calls: number }
  | { readonly kind: "outage-opened" | "outage-recovering"; readonly outage: ListedOutage }
  | { readonly kind: "outage-closed"; readonly outage: ListedOutage }
  | { readonly kind: "not-answering"; readonly since: number }
  | { readonly kind: "counts" };

interface Sample {
  readonly readAtMs: number;
  /** Each is null if unknown. */
  readonly all: number | null;
  readonly succeeded: number | null;
  readonly backlog: number | null;
  /** `failures` counts from the first reading. */
  readonly failures: number;
}

const WINDOW_MS = 15_000;

/** `before` is null for the first reading. */
export function addReading(
  before: WatchedCallback | null,
  reading: CallbackReading,
): { readonly watched: WatchedCallback; readonly changes: readonly WatchChange[] } {
  const { failed, succeeded, pending, failures, moreFailures } = reading;
  const backlog = failed === null ? null : failed + (pending ?? 0);
  const sample = {
    readAtMs: reading.readAtMs,
    all: backlog === null || succeeded === null ? null : backlog + succeeded,
    succeeded,
    backlog,
    failures: (before?.samples.at(-1)?.failures ?? 0) + failures.length + moreFailures,
  };
  const samples = [...(before?.samples ?? []).filter(({ readAtMs }) => reading.readAtMs - readAtMs <= WINDOW_MS), sample];
  const drained = perSecond(samples, ({ backlog }) => (backlog === null ? null : -backlog));
  const watched = {
    reading,
    // What is purged or erased lowers the counts, but a rate is never below 0.
    perSecond: {
      in: atLeastNone(perSecond(samples, ({ all }) => all)),
      succeeded: atLeastNone(perSecond(samples, ({ succeeded }) => succeeded)),
      failed: perSecond(samples, ({ failures }) => failures),
    },
    windowMs: samples.length > 1 ? reading.readAtMs - (samples[0]?.readAtMs ?? reading.readAtMs) : null,
    backlog,
    drainedInMs: backlog === null || drained === null || drained <= 0 ? null : Math.round((backlog / drained) * 1_000),
    samples,
  };
  return {
    watched,
    changes: [...silenceSince(before?.reading, reading), ...(before === null ? [] : changesBetween(before.reading, reading))],
  };
}

function silenceSince(before: CallbackReading | undefined, { callback: { health } }: CallbackReading): readonly WatchChange[] {
  if (health?.health !== "not-answering" || health.since === null) return [];
  return before?.callback.health?.health === "not-answering" ? [] : [{ kind: "not-answering", since: health.since }];
}

function changesBetween(before: CallbackReading, now: CallbackReading): readonly WatchChange[] {
  const changes: WatchChange[] = [];
  if (before.outage !== null && before.outage.id !== now.outage?.id) {
    changes.push({ kind: "outage-closed", outage: before.outage });
  }
  if (now.outage !== null && now.outage.id !== before.outage?.id) changes.push({ kind: "outage-opened", outage: now.outage });
  const wasRecovering = before.outage?.id === now.outage?.id && before.outage?.recoveringSince !== null;
  if (now.outage !== null && now.outage.recoveringSince !== null && !wasRecovering) {
    changes.push({ kind: "outage-recovering", outage: now.outage });
  }
  for (const call of [...now.failures].reverse()) changes.push({ kind: "failure", call });
  if (now.moreFailures > 0) changes.push({ kind: "more-failures", calls: now.moreFailures });
  const isSame = before.failed === now.failed && before.pending === now.pending && before.succeeded === now.succeeded;
  if (!isSame) changes.push({ kind: "counts" });
  return changes;
}

function perSecond(samples: readonly Sample[], read: (sample: Sample) => number | null): number | null {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.readAtMs <= first.readAtMs) return null;
  const [from, to] = [read(first), read(last)];
  return from === null || to === null ? null : ((to - from) * 1_000) / (last.readAtMs - first.readAtMs);
}

function atLeastNone(rate: number | null): number | null {
  return rate === null ? null : Math.max(0, rate);
}
