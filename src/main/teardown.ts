/** Closes what was opened, in the opposite order, once. */
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

  /** Runs every step, and rejects with the first failure at the end. */
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
