import type { FastifyRequest } from "fastify";
import { networkOf } from "../auth/login-throttle.js";
import { clientAddress } from "../auth/request-origin.js";

/** A body takes several times its size in memory. */
const BUDGET_BYTES = 64 * 1024 * 1024;
/** A quarter of a budget is kept for what is at most this large. */
const SMALL_BYTES = 64 * 1024;

/** Bounds the bytes of bodies and answers in memory. An owner holds at most half, or a given share, but may hold one thing of any size. */
export class ByteBudget {
  readonly #bytes: number;
  readonly #share: number;
  #used = 0;
  readonly #held = new Map<string, number>();
  readonly #waiting = new Set<{ readonly owner: string; readonly bytes: number; readonly resolve: () => void }>();

  constructor(bytes = BUDGET_BYTES, share = 0.5) {
    this.#bytes = bytes;
    this.#share = share;
  }

  hasRoom(owner: string, bytes: number): boolean {
    const held = this.#held.get(owner) ?? 0;
    if (held > 0 && held + bytes > this.#bytes * this.#share) return false;
    const limit = bytes <= SMALL_BYTES ? this.#bytes : this.#bytes * 0.75;
    return this.#used + bytes <= limit;
  }

  tryReserve(owner: string, bytes: number): boolean {
    if (!this.hasRoom(owner, bytes)) return false;
    this.#count(owner, bytes);
    return true;
  }

  /** Resolves as room is released: of those for whom there is enough, the first to have called. */
  reserve(owner: string, bytes: number): Promise<void> {
    if (this.tryReserve(owner, bytes)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ owner, bytes, resolve }));
  }

  release(owner: string, bytes: number): void {
    this.#count(owner, -bytes);
    for (const next of this.#waiting) {
      if (!this.tryReserve(next.owner, next.bytes)) continue;
      this.#waiting.delete(next);
      next.resolve();
    }
  }

  #count(owner: string, bytes: number): void {
    this.#used += bytes;
    const held = (this.#held.get(owner) ?? 0) + bytes;
    if (held === 0) this.#held.delete(owner);
    else this.#held.set(owner, held);
  }
}

/** Tells whether a visitor of the console isn't signed in. What he sends and gets is short. */
export function isOfVisitor({ visitor }: FastifyRequest): boolean {
  return visitor?.credential === null;
}

/** All of a user's requests have one owner. Without credentials, those of an address have. */
export function ownerOf(request: FastifyRequest): string {
  const { username } = request.credential ?? request.visitor?.credential ?? {};
  return username === undefined ? `address ${networkOf(clientAddress(request))}` : `user ${username}`;
}
