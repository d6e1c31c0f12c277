/**
 * Ends answers that keep coming and never get anywhere: an endless status line, chunk extensions, what no limit of the parser
 * counts. It looks at what is under way once a second and costs the others nothing.
 */
import type { Timers } from "../platform/clock.js";
import { DeliveryFailure } from "./delivery-failure.js";

export interface Flooding {
  /** Bytes read so far on its connection, earlier answers included; null while it has none. */
  readonly bytesRead: number | null;
  readonly where: string;
  giveUp(failure: DeliveryFailure): void;
}

const LOOK_EVERY_MS = 1_000;
/** Far more than the headers and the body of which all is read come to. */
const MAX_BYTES = 1024 * 1024;

export class ResponseSizeGuard<T extends Flooding> {
  readonly #underWay: () => Iterable<T>;
  readonly #timers: Timers;
  /** What each had read when it was first seen. */
  #firstSeen = new Map<T, number>();
  #isArmed = false;

  constructor(underWay: () => Iterable<T>, timers: Timers) {
    this.#underWay = underWay;
    this.#timers = timers;
  }

  /** Something is under way. */
  wake(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#timers.after(LOOK_EVERY_MS, () => this.#look());
  }

  #look(): void {
    this.#isArmed = false;
    const seen = new Map<T, number>();
    for (const item of this.#underWay()) {
      const { bytesRead } = item;
      if (bytesRead === null) continue;
      const first = this.#firstSeen.get(item) ?? bytesRead;
      if (bytesRead - first <= MAX_BYTES) seen.set(item, first);
      else item.giveUp(new DeliveryFailure("too-large", `${item.where} sent over 1 MiB and no end of an answer`));
    }
    this.#firstSeen = seen;
    if (seen.size > 0) this.wake();
  }
}
