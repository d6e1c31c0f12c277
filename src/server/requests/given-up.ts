import type { FastifyInstance } from "fastify";
import type { Clock } from "../../platform/clock.js";
import { isSafe } from "../auth/request-origin.js";

/**
 * Drops requests that change something if their client has closed the connection: after a stop of this process the request and the close are
 * read together, minutes later, when the client may have decided otherwise. Submitted responses are kept.
 */
export function dropGivenUp(app: FastifyInstance, clock: Clock): void {
  app.addHook("preHandler", (request, reply, done) => {
    if (isSafe(request) || request.routeOptions.config.takesNdjson) return done();
    void readOnce(clock).then(() => {
      const { socket } = request.raw;
      if (socket.destroyed || socket.writableEnded) reply.hijack();
      else done();
    });
  });
}

/** Until what has arrived on all sockets is read: between the ends of two turns of the event loop. */
async function readOnce(clock: Clock): Promise<void> {
  await clock.nextTurn();
  await clock.nextTurn();
}
