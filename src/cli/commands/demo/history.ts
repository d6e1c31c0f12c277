/** Hours pass in a few seconds: the service's clock jumps from step to step, and everything else is real. */
import type { ListedCallback } from "../../../client/client.js";
import { MINUTE_MS } from "../../../domain/duration.js";
import type { LocalEndpoint } from "../listen/local-endpoint.js";
import { createCallback, DOWN, openStageEndpoint, type Stage, submitResponses, UP, waitUntil } from "./demo-stage.js";
import type { PastClock } from "./past-clock.js";

export const HISTORY_MS = 240 * MINUTE_MS;
/** A step's retries are over when the endpoints have received nothing for this long. */
const QUIET_MS = 10;

export interface History {
  readonly callbackName: string;
  /** `endpoint` is down at the end. */
  readonly endpoint: LocalEndpoint;
}

/** Moves `clock`, which is the service's, from HISTORY_MS behind to the present. The endpoint of `healthy` accepts everything. */
export async function playHistory(stage: Stage, clock: PastClock, healthy: ListedCallback): Promise<History> {
  const { deps, client, say } = stage;
  let received = 0;
  const count = (): void => {
    received += 1;
  };
  const repaired = await openStageEndpoint(stage, count);
  const broken = await openStageEndpoint(stage, count);
  const reports = await createCallback(stage, repaired, { name: "Delivery reports", retriesEnabled: true });
  const replies = await createCallback(stage, broken, { name: "Replies CRM", retriesEnabled: false });
  await say("four hours pass: the endpoint of Delivery reports is down for 90 minutes, and retries deliver what failed");
  await say("45 minutes ago the endpoint of Replies CRM went down: its retries are off");
  /** After it new responses have an outcome, and outages their e-mail; some retries may come later. */
  const settle = () =>
    waitUntil(stage, "the outcomes", async () => {
      for (let before = -1; before !== received; ) {
        before = received;
        await deps.clock.sleepUntil(deps.clock.now() + QUIET_MS);
      }
      const settled = await Promise.all([healthy, reports, replies].map((callback) => isSettled(stage, callback)));
      const outages = (await client.listOutages()) ?? [];
      return settled.every(Boolean) && outages.every(({ notifiedAt }) => notifiedAt !== null);
    });
  const phases = [
    { minutes: 45, step: 15 },
    { minutes: 15, step: 5 },
    // The service retries as often.
    { minutes: 90, step: 5, begin: () => repaired.setBehaviour(DOWN) },
    { minutes: 30, step: 5, begin: () => repaired.setBehaviour(UP) },
    { minutes: 15, step: 15 },
    { minutes: 30, step: 10, begin: () => broken.setBehaviour(DOWN) },
    { minutes: 15, step: 5, begin: () => broken.setBehaviour({ ...DOWN, status: 500 }) },
  ];
  let minutesAgo = HISTORY_MS / MINUTE_MS;
  for (const { minutes, step, begin } of phases) {
    begin?.();
    for (const end = minutesAgo - minutes; minutesAgo > end; minutesAgo -= step) {
      clock.setBehind(minutesAgo * MINUTE_MS);
      // Traffic goes up and down.
      await Promise.all([
        submitResponses(stage, reports, Math.round(step * (1.8 + Math.sin(minutesAgo / 30)))),
        submitResponses(stage, healthy, step),
        submitResponses(stage, replies, Math.round(step * (1.6 + Math.cos(minutesAgo / 20) / 2))),
      ]);
      await settle();
    }
  }
  clock.setBehind(0);
  await settle();
  return { callbackName: replies.name, endpoint: broken };
}

async function isSettled({ client }: Stage, callback: ListedCallback): Promise<boolean> {
  for await (const page of client.listCalls(callback.id, { filter: { status: "PENDING" }, limit: 1 })) {
    if (page.calls.length > 0) return false;
  }
  return true;
}
