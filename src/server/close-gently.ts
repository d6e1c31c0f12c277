/** Ends an app that listens: requests under way are finished, connections that carry none end at once. */
import type { FastifyInstance } from "fastify";
import type { Timers } from "../platform/clock.js";

export interface CloseLimits {
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Requests that aren't finished after this long are cut off. */
  readonly limitMs: number;
}

/** How often connections that have become free are looked for. */
const SWEEP_MS = 50;

/**
 * To be called before the app listens. Node's own close waits for a connection on which nothing was asked yet, which a browser keeps
 * open just in case, and for a stream without end.
 */
export function closeGently(app: FastifyInstance, { timers, nowMs, limitMs }: CloseLimits): () => Promise<void> {
  let underWay = 0;
  app.server.on("request", (_, response) => {
    underWay += 1;
    response.once("close", () => {
      underWay -= 1;
    });
  });
  return async () => {
    const cutOffAt = nowMs() + limitMs;
    let cancel = (): void => undefined;
    const sweep = (): void => {
      if (underWay === 0 || nowMs() >= cutOffAt) app.server.closeAllConnections();
      cancel = timers.after(SWEEP_MS, sweep);
    };
    cancel = timers.after(0, sweep);
    try {
      await app.close();
    } finally {
      cancel();
    }
  };
}
