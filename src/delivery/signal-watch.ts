/** One listener a signal, however many wait on it: thousands of deliveries a second share the dispatcher's signal. */
export class SignalWatch<T> {
  readonly #watched = new WeakMap<AbortSignal, Set<T>>();
  readonly #onAborted: (item: T) => void;

  constructor(onAborted: (item: T) => void) {
    this.#onAborted = onAborted;
  }

  add(signal: AbortSignal, item: T): void {
    const items = this.#watched.get(signal) ?? this.#watch(signal);
    items.add(item);
  }

  delete(signal: AbortSignal, item: T): void {
    this.#watched.get(signal)?.delete(item);
  }

  #watch(signal: AbortSignal): Set<T> {
    const items = new Set<T>();
    this.#watched.set(signal, items);
    signal.addEventListener(
      "abort",
      () => {
        for (const item of [...items]) this.#onAborted(item);
      },
      { once: true },
    );
    return items;
  }
}
