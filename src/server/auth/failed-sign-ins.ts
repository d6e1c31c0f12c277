import type { Way } from "../../domain/audit/audit-entry.js";
import type { ServerDeps } from "../server-deps.js";
import { networkOf } from "./login-throttle.js";

interface FailedSignIn {
  /** The user exists, or is null. */
  readonly user: string | null;
  readonly via: Way;
  readonly address: string;
}

/** In a minute, so many addresses have entries of their own: a stranger may have many. */
const MOST_PLACES = 20;

/** Writes sign-ins that failed into the audit. No answer depends on it. */
export class FailedSignIns {
  readonly #deps: Pick<ServerDeps, "store" | "clock" | "logger">;
  #minute = 0;
  readonly #places = new Set<string>();

  constructor(deps: Pick<ServerDeps, "store" | "clock" | "logger">) {
    this.#deps = deps;
  }

  async record({ user, via, address }: FailedSignIn): Promise<void> {
    const { store, clock, logger } = this.#deps;
    const at = clock.now();
    const place = networkOf(address);
    const isOwn = this.#hasRoom(place, Math.floor(at / 60_000));
    try {
      await store.audit.recordFailedSignIn({ user, via, address: isOwn ? address : null, at }, isOwn ? place : "others");
    } catch (error) {
      logger.error({ err: error }, "A failed sign-in isn't in the audit");
    }
  }

  #hasRoom(place: string, minute: number): boolean {
    if (minute !== this.#minute) this.#places.clear();
    this.#minute = minute;
    if (this.#places.size < MOST_PLACES) this.#places.add(place);
    return this.#places.has(place);
  }
}
