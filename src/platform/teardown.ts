/** Closes what was opened, in the opposite order, and once. */
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

  addStep(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /** Runs every step, then rejects with the first failure. */
  run(): Promise<void> {
    this.#running ??= this.#closeAll();
    return this.#running;
  }

  /** Begins it, if it hasn't begun; `run` then rejects with this. */
  fail(reason: unknown): void {
    this.#running ??= this.#closeAll([reason]);
    this.#running.catch(() => undefined);
  }

  async #closeAll(failures: unknown[] = []): Promise<void> {
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
