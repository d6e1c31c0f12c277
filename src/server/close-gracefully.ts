/** Finishes requests in flight; closes idle connections at once. */
import type { FastifyInstance } from "fastify";
import type { Timers } from "../platform/clock.js";

export interface CloseLimits {
  readonly timers: Timers;
  readonly nowMs: () => number;
  /** Then they are cut off. */
  readonly limitMs: number;
}

const SWEEP_MS = 50;

/** Call before the app listens. Node's own close waits for connections without a request and endless streams. */
export function closeGracefully(app: FastifyInstance, { timers, nowMs, limitMs }: CloseLimits): () => Promise<void> {
  let inFlight = 0;
  app.server.on("request", (_, response) => {
    inFlight += 1;
    response.once("close", () => {
      inFlight -= 1;
    });
  });
  return async () => {
    const cutOffAt = nowMs() + limitMs;
    let cancel = (): void => undefined;
    const sweep = (): void => {
      if (inFlight === 0 || nowMs() >= cutOffAt) app.server.closeAllConnections();
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
