/** Which callbacks this dispatcher may send for (docs/dispatcher.md, Ownership). */
export interface Ownership {
  /** Whether nobody else can have taken what it owns. True at one moment, so asked before each send. */
  isTrusted(): boolean;
  /** null: it isn't this dispatcher's. */
  fenceOf(callbackId: string): number | null;
  /** There is, or may be, work for callbacks that aren't this dispatcher's: takes those that are nobody's. */
  want(callbackIds: Iterable<string>): void;
  /** Nothing of it is in flight or uncommitted. */
  release(callbackId: string): void;
  /** Another one has taken it. */
  lose(callbackId: string): void;
  start(): void;
  /** Takes nothing more, and gives back what has nothing in flight. */
  retire(): void;
  /** Gives back the rest. */
  stop(): Promise<void>;
}

/** On SQLite: a lock of the file keeps others out. */
export const soleOwner: Ownership = {
  isTrusted: () => true,
  fenceOf: () => 0,
  want() {},
  release() {},
  lose() {},
  start() {},
  retire() {},
  async stop() {},
};
