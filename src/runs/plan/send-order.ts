import type { ListedCall } from "../../client/client.js";
import { readDate } from "../../wire/dates.js";

/** In columns: 100,000 calls take a few MiB. */
export class SendOrder {
  readonly #madeAt: number[] = [];
  readonly #respondedAt: number[] = [];
  readonly #attemptedAt: number[] = [];
  #areTimeOrdered = true;

  add(call: ListedCall, now: number): void {
    const madeAt = timeInId(call.id, now);
    if (madeAt === null) this.#areTimeOrdered = false;
    const attemptedAt = call.attemptedAt ?? 0;
    this.#madeAt.push(madeAt ?? 0);
    this.#respondedAt.push(readDate(call.response.responseMessage.date) ?? attemptedAt);
    this.#attemptedAt.push(attemptedAt);
  }

  /** In sending order: by the time in the id (`whcb serve`), else the response's date, then the last attempt; ties oldest first. */
  indexes(): Uint32Array {
    const first = this.#areTimeOrdered ? this.#madeAt : this.#respondedAt;
    const second = this.#attemptedAt;
    return Uint32Array.from(first.keys()).sort(
      (one, other) => (first[one] ?? 0) - (first[other] ?? 0) || (second[one] ?? 0) - (second[other] ?? 0) || other - one,
    );
  }
}

const VERSION_7 = /^[0-9A-F]{12}7[0-9A-F]{3}[89AB][0-9A-F]{15}$/i;
const EARLIEST = Date.UTC(2020, 0);
const DAY_MS = 86_400_000;

/** Epoch ms in a UUIDv7 without dashes, else null. */
function timeInId(id: string, now: number): number | null {
  if (!VERSION_7.test(id)) return null;
  const at = Number.parseInt(id.slice(0, 12), 16);
  return at >= EARLIEST && at <= now + DAY_MS ? at : null;
}
