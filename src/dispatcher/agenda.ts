/** Which items need something, now or later, so that no step looks at all of them. */
import { TimeQueue } from "./time-queue.js";

export class Agenda<Item> {
  /** Something about them has changed. */
  readonly #changed = new Set<Item>();
  /** In the order in which they ran low. */
  readonly #toRead = new Set<Item>();
  readonly #later = new TimeQueue<Item>();

  add(item: Item): void {
    this.#changed.add(item);
  }

  remove(item: Item): void {
    this.#changed.delete(item);
    this.file(item, false, null);
  }

  /** null: none needs anything. */
  get nextAt(): number | null {
    return this.#later.nextAt;
  }

  /** How many need their calls read. */
  get toRead(): number {
    return this.#toRead.size;
  }

  /** Takes what has changed and what is due now. */
  takeChanged(now: number): readonly Item[] {
    for (const item of this.#later.takeDue(now)) this.#changed.add(item);
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** Whether its calls must be read, and when it is due; null: never. */
  file(item: Item, needsWork: boolean, at: number | null): void {
    if (needsWork) this.#toRead.add(item);
    else this.#toRead.delete(item);
    this.#later.set(item, at);
  }

  /** The one that has waited longest for its calls; it counts as changed. */
  takeToRead(): Item | undefined {
    const [item] = this.#toRead;
    if (item === undefined) return undefined;
    this.#toRead.delete(item);
    this.#changed.add(item);
    return item;
  }
}
