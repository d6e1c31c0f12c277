/** Counts what a list of calls leads to, within a time budget: a number is never a guess. */
import type { CallStatus } from "../../domain/call.js";
import { matchesStatusCode } from "../../domain/call-filter.js";
import type { CountedFailures } from "../../store/calls/group-calls.js";
import type { CallCount } from "../../store/calls/scan-calls.js";
import type { Store } from "../../store/open-store.js";
import type { ParsedFilter, StatusChoice } from "./filter-fields.js";

export interface CallTotals {
  readonly byStatus: Readonly<Record<CallStatus, CallCount>>;
  /** The failed calls that match but for their cause. */
  readonly causes: CountedFailures;
}

/** Counting what is listed may take so many ms, and what other tabs have, less. */
const LISTED_MS = 50;
const OTHER_MS = 10;

export async function countCalls({ calls }: Store, callbackId: string, { typed, filter }: ParsedFilter): Promise<CallTotals> {
  const { status: _, ...conditions } = filter;
  const { statusCodes, reason, ...others } = conditions;
  const budgetOf = (status: CallStatus) => ({ budgetMs: isListed(status, typed.status) ? LISTED_MS : OTHER_MS });
  const isAnyCause = Object.keys(others).length === 0;
  const causes = isAnyCause
    ? { failures: await calls.listFailures(callbackId), isExact: true }
    : await calls.countFailures(callbackId, others, budgetOf("FAILED"));
  const count = (status: CallStatus) => calls.countMatching(callbackId, { ...conditions, status }, budgetOf(status));
  const ofCodes = causes.failures.filter(({ statusCode }) => {
    return statusCodes === undefined || statusCodes.some((pattern) => matchesStatusCode(statusCode, pattern));
  });
  const byCauses = { count: ofCodes.reduce((sum, failure) => sum + failure.count, 0), isExact: causes.isExact };
  // A call that waits was never attempted, so it is in no period.
  const isInPeriod = filter.since !== undefined || filter.until !== undefined;
  return {
    byStatus: {
      FAILED: reason === undefined ? byCauses : await count("FAILED"),
      SUCCESS: await count("SUCCESS"),
      PENDING: isInPeriod ? { count: 0, isExact: true } : await count("PENDING"),
    },
    causes,
  };
}

function isListed(status: CallStatus, choice: StatusChoice): boolean {
  return choice === "ATTEMPTED" ? status !== "PENDING" : status === choice;
}

export function totalOf({ byStatus }: CallTotals, choice: StatusChoice): CallCount {
  if (choice !== "ATTEMPTED") return byStatus[choice];
  const { FAILED, SUCCESS } = byStatus;
  return { count: FAILED.count + SUCCESS.count, isExact: FAILED.isExact && SUCCESS.isExact };
}
