/** Ends requests whose body dribbles in: Node's own limit would also end a long NDJSON stream that makes progress. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Timers } from "../../platform/clock.js";

/** For a body that is read whole, from its headers to its last byte. */
const BODY_DEADLINE_MS = 60_000;
const SWEEP_MS = 5000;

export function endSlowBodies(app: FastifyInstance, { timers, nowMs }: { readonly timers: Timers; nowMs(): number }): void {
  const reading = new Map<FastifyRequest, number>();
  let cancel: (() => void) | null = null;

  const sweep = (): void => {
    const now = nowMs();
    for (const [request, deadline] of reading) {
      if (deadline > now) break; // in the order in which they began
      reading.delete(request);
      request.raw.destroy();
    }
    cancel = reading.size > 0 ? timers.after(SWEEP_MS, sweep) : null;
  };

  app.addHook("preParsing", (request, _, payload, done) => {
    if (!request.routeOptions.config.takesNdjson || !/ndjson/i.test(request.headers["content-type"] ?? "")) {
      reading.set(request, nowMs() + BODY_DEADLINE_MS);
      cancel ??= timers.after(SWEEP_MS, sweep);
    }
    done(null, payload);
  });
  app.addHook("preValidation", (request, _, done) => {
    reading.delete(request);
    done();
  });
  app.addHook("onResponse", (request, _, done) => {
    reading.delete(request);
    done();
  });
  app.addHook("onClose", (_, done) => {
    cancel?.();
    done();
  });
}
