/** In the opposite order of opening, once. */
export class Teardown {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #running: Promise<void> | undefined;
  #settle: () => void = () => undefined;
  readonly done = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  get hasBegun(): boolean {
    return this.#running !== undefined;
  }

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /** Runs every step, then rejects with the first failure. */
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

/** Waits for all, then rejects with the first failure. */
export async function settleAll(...work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
