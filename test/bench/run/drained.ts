import type { Figures, Scope } from "./scope.js";

export interface Backlog {
  /** Of the receiver. */
  readonly origin: string;
  readonly callbacks: number;
  readonly callsEach: number;
  /** Measured until so many are delivered; default: all. */
  readonly delivered?: number;
}

/** A database in which calls of these callbacks are due, drained. */
export async function drained(scope: Scope, { origin, callbacks, callsEach, delivered }: Backlog): Promise<Figures> {
  const database = scope.freshFile(".db");
  const url = `${origin}/hook`;
  await scope.measure("fill", { database, url, count: callsEach, failedEach: 0, copies: callbacks - 1 });
  return scope.measure("drain-filled", { url, database, count: delivered ?? callbacks * callsEach });
}
