/** Every database that the store supports runs the same suite. */
import { describe } from "vitest";
import { describeActivity } from "./store-activity.js";
import { describeAudit } from "./store-audit.js";
import { describeCallSearch } from "./store-call-search.js";
import { describeCallbackOverview } from "./store-callback-overview.js";
import { describeCallbacks } from "./store-callbacks.js";
import { describeCalls } from "./store-calls.js";
import { describeChanges } from "./store-changes.js";
import { describeCollectedReplays } from "./store-collected-replays.js";
import { describeCounters } from "./store-counters.js";
import { describeExpiredCalls } from "./store-expired-calls.js";
import { describeGroups } from "./store-groups.js";
import { describeListing } from "./store-listing.js";
import { describeNotices } from "./store-notices.js";
import { describeOutages } from "./store-outages.js";
import { describeOutcomes } from "./store-outcomes.js";
import { describeOverview } from "./store-overview.js";
import { describePurge } from "./store-purge.js";
import { describeReports } from "./store-reports.js";
import { describeRunLeases } from "./store-run-leases.js";
import { describeSessions } from "./store-sessions.js";
import { describeSettings } from "./store-settings.js";
import type { OpenStore } from "./store-support.js";
import { describeWaiting } from "./store-waiting.js";

/** `runs` is the number of runs of each property. It is less where each takes longer. */
export function describeStore(name: string, open: OpenStore, runs: number): void {
  describe(`the store on ${name}`, () => {
    describeCallbacks(open);
    describeCallbackOverview(open);
    describeCalls(open);
    describeCallSearch(open);
    describeWaiting(open);
    describeReports(open);
    describeOutcomes(open);
    describeOutages(open);
    describeNotices(open);
    describeExpiredCalls(open);
    describeListing(open, runs);
    describeOverview(open);
    describeGroups(open);
    describeActivity(open, runs);
    describePurge(open);
    describeSettings(open);
    describeCounters(open, runs);
    describeRunLeases(open);
    describeCollectedReplays(open);
    describeChanges(open);
    describeSessions(open);
    describeAudit(open);
  });
}
