import type { CallFilter } from "../../domain/call-filter.js";
import type { Clock } from "../../platform/clock.js";
import type { Db } from "../schema.js";
import { isPostgres } from "../sql/per-database.js";
import type { ReadTime } from "../sql/read-time.js";
import { callAcceptance } from "./accept-calls.js";
import { attemptLists } from "./attempts.js";
import { callCounters } from "./call-counts.js";
import { callSearch } from "./find-calls.js";
import { callGroups } from "./group-calls.js";
import { callLists } from "./list-calls.js";
import { callMarks } from "./mark-calls.js";
import { type CallCount, type CountLimit, countMatching, type InTurn } from "./scan-calls.js";
import { callFinder } from "./search-calls.js";
import { type CallDigest, type CallSummary, type FoundCalls, findMatching, summarizeMatching } from "./summarize-calls.js";

export function callStore(db: Db, clock: Clock, readTime: ReadTime) {
  return {
    ...callAcceptance(db),
    ...callSearch(db),
    ...callFinder(db, clock),
    ...callLists(db, clock),
    ...attemptLists(db),
    ...callCounters(db),
    ...callGroups(db, clock),
    ...callMarks(db, clock, readTime),

    /**
     * Reads counters if the filter has at most a status, otherwise the calls. A call that is attempted meanwhile may be counted
     * twice. Throws `not-found` for the callback.
     */
    countMatching: (callbackId: string, filter: CallFilter, limit: CountLimit): Promise<CallCount> =>
      countMatching(db, clock, callbackId, filter, limit),

    /**
     * Counts the calls by reason, and adds each to the digest. One that is attempted meanwhile may be counted twice. The event loop turns in
     * between. Throws `not-found` for the callback.
     */
    summarizeMatching: (
      callbackId: string,
      filter: CallFilter,
      digest: CallDigest | null = null,
      inTurn?: InTurn,
    ): Promise<CallSummary> => summarizeMatching(db, clock, callbackId, filter, digest, inTurn),

    /**
     * Resolves to the seqs of the calls, at most so many, and to the digest of all. One that is attempted meanwhile may be there twice. The
     * event loop turns in between. Throws `not-found` for the callback.
     */
    findMatching: (
      callbackId: string,
      filter: CallFilter,
      most = Number.POSITIVE_INFINITY,
      inTurn?: InTurn,
    ): Promise<FoundCalls> => findMatching(db, clock, callbackId, filter, most, inTurn),

    /** So many steps of scans (`InTurn`) may run at once. SQLite's hold up the process, and PostgreSQL's take connections. */
    scansAtOnce: isPostgres(db) ? 4 : 1,
  };
}
