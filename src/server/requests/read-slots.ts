/** Rows take several times the memory of the answer that is written from them, so only a few requests hold rows at once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { InTurn } from "../../store/calls/scan-calls.js";
import { isSafe } from "../auth/request-origin.js";
import type { ServerDeps } from "../server-deps.js";
import { ownerOf } from "./byte-budget.js";
import { ReadTurns } from "./read-turns.js";
import { RequestSlots } from "./request-slots.js";
import { lengthIn, reserveAnswer } from "./send-document.js";

const READS_AT_ONCE = 8;
/** A step of a scan is longer only if it sorts many calls. Then deliveries have as much time after it. */
const LONG_STEP_MS = 50;

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route holds no rows, or limits itself, or takes its slot once it has found what to read (`takeReadSlot`). */
    takesNoReadSlot?: true;
  }
  interface FastifyInstance {
    /** Resolves to what frees the slot. */
    readonly waitForReadSlot: (owner: string) => Promise<() => void>;
    readonly scanTurns: ReadTurns;
  }
  interface FastifyRequest {
    /** It is null while the request has no slot. */
    freeReadSlot: (() => void) | null;
  }
}

/** Is called before routes are added. By default every GET waits for a slot before its handler, and keeps it until its answer is written. */
export function addReadSlots(app: FastifyInstance, deps: Pick<ServerDeps, "clock" | "timers" | "store">): void {
  const { clock, store } = deps;
  const slots = new RequestSlots(READS_AT_ONCE);
  app.decorate("waitForReadSlot", (owner) => {
    return new Promise((resolve) => {
      void slots.run(owner, async () => {
        // SQLite answers at once: otherwise all that wait would be answered before anything else. Between the ends of two turns it is read
        // which clients have gone.
        await clock.nextTurn();
        await clock.nextTurn();
        return new Promise<void>((free) => resolve(free));
      });
    });
  });
  app.decorate("scanTurns", new ReadTurns(deps, { atOnce: store.calls.scansAtOnce, shortMs: LONG_STEP_MS }));
  app.decorateRequest("freeReadSlot", null);
  app.addHook("preHandler", async (request, reply) => {
    if (isSafe(request) && request.routeOptions.config.takesNoReadSlot !== true) await takeReadSlot(request, reply);
  });
  app.addHook("onSend", (request, _, payload, done) => {
    request.freeReadSlot?.();
    request.freeReadSlot = null;
    done(null, payload);
  });
}

/** Resolves once the request has a slot. Throws `interrupted` if its client is gone by then. */
export async function takeReadSlot(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  request.freeReadSlot ??= await request.server.waitForReadSlot(ownerOf(request));
  requireClient(reply);
}

/** Throws `interrupted` if nobody waits for the answer any more. */
export function requireClient({ raw }: FastifyReply): void {
  // A socket is destroyed only some turns after its client's end was read.
  if (raw.destroyed || raw.socket?.writableEnded) throw new WhcbError("interrupted", "the client has gone");
}

/** Returns what a store is given to run each step of a scan. It throws `interrupted`. A step must not wait for a slot: its holder may wait for a turn. */
export function scanInTurn(request: FastifyRequest, reply: FastifyReply): InTurn {
  return (step) =>
    request.server.scanTurns.run(ownerOf(request), () => {
      requireClient(reply);
      return step();
    });
}

/** Returns what a store is given to call before it reads so many bytes of rows. It throws `interrupted`, or `unavailable` without room. */
export function roomToRead(request: FastifyRequest, reply: FastifyReply): (bytes: number) => Promise<void> {
  return async (bytes) => {
    await takeReadSlot(request, reply);
    reserveAnswer(request, reply, bytes * lengthIn(request));
  };
}
