import type { Call } from "../../../src/domain/call.js";
import type { OutageCalls } from "../../../src/store/outcomes/outage-calls.js";

/** Returns what became of the outage's calls that are stored. */
export function recountFates(calls: Iterable<Call>, outageId: string) {
  const fates = { retried: 0, replayed: 0, marked: 0, failed: 0 };
  for (const { status, settledBy, isReplayed, ...call } of calls) {
    if (call.outageId !== outageId) continue;
    if (status !== "SUCCESS") fates.failed += 1;
    else if (settledBy === "user") fates.marked += 1;
    else if (settledBy === "replay" || isReplayed) fates.replayed += 1;
    else fates.retried += 1;
  }
  return fates;
}

/** Returns the number of calls by what became of them, and by why they failed. They are equal. */
export function sumsOf({ retried, replayed, marked, failed, released, removed, failures }: OutageCalls): readonly number[] {
  return [retried + replayed + marked + failed + released + removed, failures.reduce((sum, { count }) => sum + count, 0)];
}
