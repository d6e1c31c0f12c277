/**
 * The store's contract on real databases.
 * Covers: src/store/open-store.ts, src/store/purge.ts, src/store/keyset.ts, src/store/sql/batches.ts, src/store/sql/json-rows.ts
 * Covers: src/store/callbacks/callbacks.ts, src/store/callbacks/callback-row.ts, src/store/callbacks/run-leases.ts, src/store/open-store.ts
 * Covers: src/store/change-log.ts, src/store/callbacks/callback-versions.ts
 * Covers: src/store/calls/accept-calls.ts, src/store/calls/list-calls.ts, src/store/calls/mark-calls.ts, src/store/calls/fetch-calls.ts
 * Covers: src/store/calls/call-counts.ts, src/store/calls/call-row.ts, src/store/calls/call-state.ts, src/store/calls/attempts.ts, src/store/calls/replays.ts
 * Covers: src/store/calls/scan-calls.ts
 * Covers: src/store/outcomes/activity.ts, src/store/outcomes/commit-outcomes.ts, src/store/outcomes/endpoints.ts, src/store/outcomes/mails.ts, src/store/outcomes/outages.ts
 * Covers: src/domain/attempt.ts, src/domain/callback.ts, src/domain/message-response.ts, src/domain/service-settings.ts
 * Covers: src/store/outcomes/outage-calls.ts, src/store/outcomes/notices.ts
 */
import { afterEach } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { describeStore } from "./store.js";
import type { OpenStore } from "./store-support.js";

const opened: Store[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function open(options: Parameters<OpenStore>[0] = { clock: systemClock }): Promise<Store> {
  const store = await openStore({ url: ":memory:", secretKey: new Uint8Array(32), ...options });
  opened.push(store);
  return store;
}

describeStore("sqlite", open, 60);
