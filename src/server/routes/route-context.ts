import type { FastifySchema } from "fastify";
import type { Callback } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Store } from "../../store/open-store.js";
import type { RouteName } from "../../wire/openapi/route-docs.js";
import type { Authenticator } from "../auth/authenticator.js";
import type { AcceptQueue } from "../ingest/accept-queue.js";
import type { ServerDeps } from "../server-deps.js";
import type { Query } from "./query-parameters.js";

export interface RouteContext {
  readonly deps: ServerDeps;
  readonly lookup: CallbackLookup;
  readonly queue: AcceptQueue;
  readonly authenticator: Authenticator;
  /** Gives a route its operationId in /openapi.json. Its handler checks the request. */
  schemaFor(operationId: RouteName): { readonly schema: FastifySchema };
  /** A page has at most so many rows. */
  readonly largestPage: number;
}

export interface CallbackPath {
  readonly Params: { readonly id: string };
  readonly Querystring: Query;
}

export interface CallPath extends CallbackPath {
  readonly Params: { readonly id: string; readonly callId: string };
}

export interface ReplayPath extends CallbackPath {
  readonly Params: { readonly id: string; readonly replayId: string };
}

/** A change by another process is noticed after this time. */
const FRESH_MS = 1000;
const MAX_CACHED = 1000;

/** Finds callbacks by id or name. */
export class CallbackLookup {
  readonly #callbacks: Store["callbacks"];
  readonly #clock: Clock;
  readonly #cache = new Map<string, { readonly callback: Callback; readonly expiresAt: number }>();

  constructor(callbacks: Store["callbacks"], clock: Clock) {
    this.#callbacks = callbacks;
    this.#clock = clock;
  }

  /** Throws `not-found`. */
  async find(idOrName: string): Promise<Callback> {
    // No id or name is longer or contains a NUL; some databases fail on them.
    const callback = idOrName.length > 64 || idOrName.includes("\0") ? null : await this.#callbacks.find(idOrName);
    if (callback === null) throw new WhcbError("not-found", `No callback ${idOrName.slice(0, 64)}`);
    return callback;
  }

  /** Returns settings that are at most a second old, as responses come by the thousand. */
  findRecent(idOrName: string): Callback | Promise<Callback> {
    const now = this.#clock.monotonicMs();
    const cached = this.#cache.get(idOrName);
    return cached !== undefined && cached.expiresAt > now ? cached.callback : this.#findAndKeep(idOrName, now);
  }

  async #findAndKeep(idOrName: string, now: number): Promise<Callback> {
    const callback = await this.find(idOrName);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    // The text that was asked for is a part of the request's URL, which V8 would keep.
    this.#cache.set(idOrName === callback.id ? callback.id : callback.name, { callback, expiresAt: now + FRESH_MS });
    return callback;
  }

  /** Is called after a callback was created, changed or deleted. */
  forgetAll(): void {
    this.#cache.clear();
  }
}
