import type { Store } from "../store/open-store.js";

/** The event loop turns between two chunks. */
const CALLBACKS_PER_CHUNK = 200;

/** Callbacks that this process or another one has changed, and whose state must be read again. */
export class ChangedCallbacks {
  readonly #store: Store;
  readonly #ids = new Set<string>();
  #changeCounter: string | null = null;
  /** `position` is one in the change log, and null until the first read. */
  #position: string | null = null;
  #hasMore = false;

  constructor(store: Store) {
    this.#store = store;
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0 && !this.#hasMore;
  }

  /** Whether the last read left some of the change log unread. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  has(callbackId: string): boolean {
    return this.#ids.has(callbackId);
  }

  add(callbackId: string): void {
    this.#ids.add(callbackId);
  }

  /** Reads everything again, because positions in the change log may be used again. */
  forgetPosition(): void {
    this.#position = null;
    this.#changeCounter = null;
  }

  /** The first read adds every callback with work; later ones add and return a chunk of the callbacks that anyone changed. */
  async read(): Promise<readonly string[]> {
    if (this.#position === null) {
      const position = await this.#store.changes.readLatest();
      for (const id of await this.#store.endpoints.listActive()) this.#ids.add(id);
      this.#position = position;
      return [];
    }
    // The counter is read first, so that what is written in between is read next time.
    const counter = await this.#store.changes.readCounter();
    if (counter === this.#changeCounter) return [];
    const { callbackIds, position } = await this.#store.changes.read(this.#position, CALLBACKS_PER_CHUNK);
    for (const id of callbackIds) this.#ids.add(id);
    this.#position = position;
    this.#hasMore = callbackIds.length >= CALLBACKS_PER_CHUNK;
    if (!this.#hasMore) this.#changeCounter = counter;
    return callbackIds;
  }

  /** Takes one chunk. A change that is reported from then on is newer than what is read of the callback. */
  takeChunk(): readonly string[] {
    const chunk: string[] = [];
    for (const id of this.#ids) {
      if (chunk.length === CALLBACKS_PER_CHUNK) break;
      chunk.push(id);
      this.#ids.delete(id);
    }
    return chunk;
  }
}
