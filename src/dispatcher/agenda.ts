import { TimeQueue } from "./time-queue.js";

/** Knows which items have changed, which need their calls read, and when the others will need something. */
export class Agenda<Item> {
  readonly #changed = new Set<Item>();
  /** Items are in the order in which they ran low. */
  readonly #toRead = new Set<Item>();
  readonly #later = new TimeQueue<Item>();

  add(item: Item): void {
    this.#changed.add(item);
  }

  remove(item: Item): void {
    this.#changed.delete(item);
    this.schedule(item, false, null);
  }

  get nextDueAt(): number | null {
    return this.#later.nextDueAt;
  }

  get waitingForRead(): number {
    return this.#toRead.size;
  }

  /** Takes the items that have changed or are due now. */
  takeChanged(now: number): readonly Item[] {
    for (const item of this.#later.takeDue(now)) this.#changed.add(item);
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** Notes whether the item's calls must be read, and when it is due; null means never. */
  schedule(item: Item, needsRead: boolean, at: number | null): void {
    if (needsRead) this.#toRead.add(item);
    else this.#toRead.delete(item);
    this.#later.set(item, at);
  }

  /** Takes the item that has waited longest for its calls. It counts as changed from now on. */
  takeToRead(): Item | undefined {
    const [item] = this.#toRead;
    if (item === undefined) return undefined;
    this.#toRead.delete(item);
    this.#changed.add(item);
    return item;
  }
}
