import type { EndpointRecord } from "../../store/store.js";

/** A wrong guess only costs a read: a hint is withdrawn only by an empty batch. */
export class StoreHints {
  mayHavePending: boolean;
  mayHaveFailed: boolean;
  mayHaveHeld: boolean;
  /** When the first retry is due, or earlier; null: none waits. */
  dueAt: number | null;
  isDirty = true;

  constructor({ pendingCalls, nextDueAt }: Pick<EndpointRecord, "pendingCalls" | "nextDueAt">) {
    this.mayHavePending = pendingCalls > 0;
    this.mayHaveFailed = nextDueAt !== null;
    this.mayHaveHeld = this.mayHaveFailed;
    // Read once: later ones may be due earlier after a clock change.
    this.dueAt = nextDueAt === null ? null : 0;
  }

  suspectAll(): void {
    this.mayHavePending = true;
    this.isDirty = true;
    this.expectDue(0);
  }

  expectDue(at: number): void {
    this.mayHaveFailed = true;
    this.mayHaveHeld = true;
    this.dueAt = Math.min(this.dueAt ?? at, at);
  }
}
