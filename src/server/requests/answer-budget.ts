/** Bounds the bytes of answers in memory. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import { isSafe } from "../auth/request-origin.js";
import type { BodyBudget } from "./body-budget.js";

declare module "fastify" {
  interface FastifyInstance {
    readonly answers: BodyBudget;
  }
}

/** Six of the largest pages, and small answers. */
export const ANSWER_BYTES = 128 * 1024 * 1024;

/**
 * Counts an answer until its client has taken it or is gone. Throws `unavailable` without room. What a request has changed must be answered:
 * there the room of its body limits the answers.
 */
export function reserveAnswer(request: FastifyRequest, { raw }: FastifyReply, bytes: number): void {
  const { answers } = request.server;
  if (raw.destroyed || !isSafe(request)) return;
  if (!answers.tryReserve(bytes)) throw noRoom();
  raw.once("close", () => answers.release(bytes));
}

/** Throws as `reserveAnswer`, before what is answered is read. */
export function requireRoom({ server }: FastifyRequest, bytes: number): void {
  if (!server.answers.hasRoom(bytes)) throw noRoom();
}

function noRoom(): WhcbError {
  return new WhcbError("unavailable", "too many bytes of answers wait for their clients");
}
