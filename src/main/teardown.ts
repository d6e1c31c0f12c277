/** What was opened, closed again in the opposite order, once, whoever asks and however often. */
export class Teardown {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #running: Promise<void> | undefined;
  #settle: () => void = () => undefined;
  /** Resolves when everything is closed. */
  readonly done = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  get hasBegun(): boolean {
    return this.#running !== undefined;
  }

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /** Goes on past a step that fails, and rejects with the first failure when all are done. */
  run(): Promise<void> {
    this.#running ??= this.#closeAll();
    return this.#running;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) await step().catch((error: unknown) => failures.push(error));
    this.#settle();
    if (failures.length > 0) throw failures[0];
  }
}

/** Waits for all of them, also when one fails, and rejects with the first failure. */
export async function settleAll(...work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
