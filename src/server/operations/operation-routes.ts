import type { FastifyInstance } from "fastify";
import { spellDuration } from "../../domain/duration.js";
import { isWhcbError } from "../../domain/errors.js";
import { sendingWaits } from "../../wire/json/callback-json.js";
import { RETRY_AFTER_SECONDS } from "../requests/error-answers.js";
import { sendJson } from "../requests/send-document.js";
import type { ServerDeps } from "../server-deps.js";
import type { Metrics } from "./metrics.js";

const RECHECK_MS = 1_000;
/** A load balancer isn't that patient: the store waits up to 40 s for a database that doesn't answer. */
const PATIENCE_MS = 3_000;
const SILENT = `The database hasn't answered within ${spellDuration(PATIENCE_MS)}`;

export function addOperationRoutes(app: FastifyInstance, deps: ServerDeps, metrics: Metrics): void {
  const storeCheck = checkedStore(deps);
  const atOnce = { config: { takesNoReadSlot: true } } as const;

  app.get("/healthz", atOnce, async (_, reply) => sendJson(reply, { status: "ok" }));

  app.get("/readyz", atOnce, async (_, reply) => {
    const reason = deps.isReady() ? await storeCheck() : "The service is stopping";
    const egressFailure = deps.egressFailure();
    // Responses are accepted all the same.
    const ready = { status: "ready", ...(egressFailure !== null && { sending: sendingWaits(egressFailure) }) };
    const body = reason === null ? ready : { status: "not ready", reason };
    reply.code(reason === null ? 200 : 503).headers(reason === null ? {} : { "retry-after": RETRY_AFTER_SECONDS });
    return sendJson(reply, body);
  });

  app.get("/metrics", atOnce, async (_, reply) => {
    const { contentType, text } = await metrics.render();
    return reply.type(contentType).send(text);
  });
}

/** Returns null if the store is writable. It writes at most once at a time and once a second. */
function checkedStore({ store, clock, timers, logger }: ServerDeps): () => Promise<string | null> {
  let reason: Promise<string | null> = Promise.resolve(null);
  let validUntilMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonicMs() >= validUntilMs) {
      validUntilMs = Number.POSITIVE_INFINITY;
      reason = answeredInTime(check());
    }
    return reason;
  };

  async function check(): Promise<string | null> {
    try {
      await store.checkWritable();
      return null;
    } catch (error) {
      logger.warn({ err: error }, "The store can't be written");
      return isWhcbError(error, "unavailable") ? error.message : "The store failed";
    } finally {
      validUntilMs = clock.monotonicMs() + RECHECK_MS;
    }
  }

  function answeredInTime(checked: Promise<string | null>): Promise<string | null> {
    return new Promise((resolve) => {
      const cancel = timers.after(PATIENCE_MS, () => {
        logger.warn({}, SILENT);
        resolve(SILENT);
      });
      void checked.then(resolve).finally(cancel);
    });
  }
}
