import type { EndpointRecord } from "../../store/store.js";

/**
 * What the store may hold for an endpoint beyond what was prefetched. A wrong guess costs a read, so that all of these err on that side:
 * one is withdrawn only by a batch in which there was nothing.
 */
export class StoreHints {
  mayHavePending: boolean;
  mayHaveFailed: boolean;
  mayHaveHeld: boolean;
  /** When the first failed call's own retry is due, or earlier; null: none waits. */
  dueAt: number | null;
  /** Something must be read whatever the rest says. */
  isDirty = true;

  constructor({ pendingCalls, nextDueAt }: Pick<EndpointRecord, "pendingCalls" | "nextDueAt">) {
    this.mayHavePending = pendingCalls > 0;
    this.mayHaveFailed = nextDueAt !== null;
    this.mayHaveHeld = this.mayHaveFailed;
    // Read once at the start, whenever the first is due: those behind it may be due earlier after a change of the clock.
    this.dueAt = nextDueAt === null ? null : 0;
  }

  /** Anything may be there. */
  suspectAll(): void {
    this.mayHavePending = true;
    this.isDirty = true;
    this.expectDue(0);
  }

  /** A failed call may be there whose own retry is due at `at`. */
  expectDue(at: number): void {
    this.mayHaveFailed = true;
    this.mayHaveHeld = true;
    this.dueAt = Math.min(this.dueAt ?? at, at);
  }
}
