import type { EndpointRecord } from "../store/store.js";

/**
 * What the store may hold for an endpoint beyond what was read of it. A hint that is wrong costs a reading, so all of them
 * err on that side: one is withdrawn only by a reading that found nothing.
 */
export class StoreHints {
  mayHavePending: boolean;
  mayHaveDue: boolean;
  mayHaveHeld: boolean;
  /** When the first failed call's own turn comes, or earlier; null: none waits. */
  dueAt: number | null;
  /** A reading is wanted whatever the other hints say. */
  isDirty = true;
  /** Grows when everything that was read, or is being read, has become useless. */
  generation = 0;

  constructor({ pendingCalls, nextDueAt }: Pick<EndpointRecord, "pendingCalls" | "nextDueAt">) {
    this.mayHavePending = pendingCalls > 0;
    this.mayHaveDue = nextDueAt !== null;
    this.mayHaveHeld = this.mayHaveDue;
    // Read once at the start, whenever the first is due: the clock may have been set while nobody watched those behind it.
    this.dueAt = nextDueAt === null ? null : 0;
  }

  /** Anything may be there. */
  suspectAll(): void {
    this.mayHavePending = true;
    this.isDirty = true;
    this.suspectDue(0);
  }

  /** A failed call may be there whose own turn comes at `at`. */
  suspectDue(at: number): void {
    this.mayHaveDue = true;
    this.mayHaveHeld = true;
    this.dueAt = Math.min(this.dueAt ?? at, at);
  }

  /** A reading found this call to be the first with something due. */
  expectFirst(dueAt: number | null): void {
    this.mayHaveDue = dueAt !== null;
    this.dueAt = dueAt;
  }
}
