/** A request that changes something isn't executed if its client no longer waits for it, or has read another database. Submitted responses are kept. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Store } from "../../store/open-store.js";
import { readDate } from "../../wire/dates.js";
import { isSafe } from "../auth/request-origin.js";

interface LateRequestDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, "readTime" | "databaseId">;
}

/**
 * Drops such requests if their client has closed the connection: after a stop of this process the request and the close are read together,
 * minutes later, when the client may have decided otherwise. Rejects them from the instant on that the client names.
 */
export function refuseLateRequests(app: FastifyInstance, { clock, store }: LateRequestDeps): void {
  // What has arrived on all sockets is read between the ends of two turns of the event loop.
  const allRead = async () => {
    await clock.nextTurn();
    await clock.nextTurn();
  };
  const isForOther = ({ headers }: FastifyRequest): boolean => {
    const expected = headers["x-database-id"];
    return expected !== undefined && store.databaseId !== null && expected !== store.databaseId;
  };
  app.addHook("preHandler", (request, reply, done) => {
    if (isSafe(request) || request.routeOptions.config.takesNdjson) return done();
    const before = readExecuteBefore(request);
    const isLate = async () => before !== Number.POSITIVE_INFINITY && (await store.readTime()) >= before;
    isLate().then(async (late) => {
      await allRead();
      const { socket } = request.raw;
      if (socket.destroyed || socket.writableEnded) reply.hijack();
      else if (isForOther(request)) done(new WhcbError("other-database", "X-Database-Id names another database"));
      else done(late ? new WhcbError("too-late", "X-Execute-Before has passed") : undefined);
    }, done);
  });
}

/** Returns the instant from which on the request must not be executed. Its client may have gone while the kernel or a proxy kept it. */
export function readExecuteBefore({ headers }: FastifyRequest): number {
  const given = headers["x-execute-before"];
  return given === undefined ? Number.POSITIVE_INFINITY : (readDate(given) ?? Number.NEGATIVE_INFINITY);
}
