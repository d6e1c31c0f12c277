/** Knows when each item is due. It is a binary heap, so setting a time costs little however many items there are. */
export class TimeQueue<Item> {
  /** No entry is earlier than its parent, which is at half of its index, so the first is the earliest. */
  readonly #entries: Entry<Item>[] = [];
  readonly #byItem = new Map<Item, Entry<Item>>();

  get size(): number {
    return this.#entries.length;
  }

  get nextDueAt(): number | null {
    return this.#entries[0]?.at ?? null;
  }

  /** Replaces the item's earlier time; null means never. */
  set(item: Item, at: number | null): void {
    const entry = this.#byItem.get(item);
    if (at === null) {
      if (entry) this.#remove(entry);
    } else if (entry === undefined) {
      const added = { item, at, index: this.#entries.length };
      this.#byItem.set(item, added);
      this.#entries.push(added);
      this.#rise(added);
    } else if (at !== entry.at) {
      entry.at = at;
      this.#rise(entry);
      this.#sink(entry);
    }
  }

  /** Takes the items that are due at or before `now`. */
  takeDue(now: number): Item[] {
    const due: Item[] = [];
    for (let [first] = this.#entries; first !== undefined && first.at <= now; [first] = this.#entries) {
      this.#remove(first);
      due.push(first.item);
    }
    return due;
  }

  #remove(entry: Entry<Item>): void {
    this.#byItem.delete(entry.item);
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    this.#place(last, entry.index);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry<Item>): void {
    for (;;) {
      const parent = this.#entries[(entry.index - 1) >> 1];
      if (parent === undefined || parent.at <= entry.at) return;
      this.#swap(entry, parent);
    }
  }

  #sink(entry: Entry<Item>): void {
    for (;;) {
      const [left, right] = [this.#entries[entry.index * 2 + 1], this.#entries[entry.index * 2 + 2]];
      const child = left !== undefined && right !== undefined && right.at < left.at ? right : left;
      if (child === undefined || entry.at <= child.at) return;
      this.#swap(entry, child);
    }
  }

  #swap(one: Entry<Item>, other: Entry<Item>): void {
    const { index } = one;
    this.#place(one, other.index);
    this.#place(other, index);
  }

  #place(entry: Entry<Item>, index: number): void {
    entry.index = index;
    this.#entries[index] = entry;
  }
}

interface Entry<Item> {
  readonly item: Item;
  at: number;
  index: number;
}
