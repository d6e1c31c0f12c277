/** The state of every call of a run, line by line of its journal: the writer and the reader keep the same book. */
import { isSameBoot } from "./boot-id.js";
import type { JournalLine, PlannedStep } from "./journal-line.js";
import { type CountedCall, countCalls } from "./run-counts.js";
import type { RunCall, RunCallState, RunCounts, RunHeader } from "./run-record.js";

export interface LedgerEntry extends CountedCall {
  readonly id: string;
  readonly callbackId: string;
  readonly do: PlannedStep;
  state: RunCallState;
  isMarked: boolean;
  needsMark: boolean;
  statusCode: number | null;
  message: string | null;
  at: number;
}

export class RunLedger {
  header: RunHeader | null = null;
  /** Of the last session; null before the first, and once one ended in order. */
  openSession: { readonly bootId: string; readonly concurrency: number } | null = null;
  lastAt = 0;
  readonly entries = new Map<string, LedgerEntry>();
  /** Of the open session: the calls in the order in which they were said to be sent, with whether an outcome followed. */
  #sends: { readonly entry: LedgerEntry; hasOutcome: boolean }[] = [];
  readonly #lastSend = new Map<string, { hasOutcome: boolean }>();

  take(line: JournalLine): void {
    if ("at" in line) this.lastAt = line.at;
    switch (line.step) {
      case "run":
        this.header = line.header;
        this.lastAt = line.header.startedAt;
        break;
      case "planned":
        this.#plan(line);
        break;
      case "session":
        this.closeSession(line.bootId);
        this.openSession = line;
        break;
      case "sent":
        this.#send(line.call);
        break;
      case "requested":
        for (const call of line.calls) this.#settle(call, "requested", line.at);
        break;
      case "marked":
        for (const call of line.calls) this.#mark(call, line.at);
        break;
      case "ended":
        this.#forgetSends();
        this.openSession = null;
        break;
      case "accepted":
        this.#settle(line.call, "accepted", line.at, { statusCode: 200, message: null });
        break;
      case "refused":
        this.#settle(line.call, "refused", line.at, { statusCode: line.status, message: line.message });
        break;
      case "deferred":
        this.#settle(line.call, "left", line.at, { statusCode: line.status, message: line.message });
        break;
      case "skipped":
        this.#settle(line.call, "skipped", line.at, { statusCode: null, message: line.reason });
        break;
      case "unmarkable":
        this.#unmark(line.call, line.at, line.message);
        break;
    }
  }

  /**
   * Settles what a session left open when it was cut; `bootId` is that of the machine now. Of the calls said to be sent, the first `concurrency`
   * beyond the number of outcomes can have left; after a restart of the machine, when outcomes may have been lost with it, any of them.
   */
  closeSession(bootId: string): void {
    if (this.openSession === null) return;
    const outcomes = this.#sends.filter(({ hasOutcome }) => hasOutcome).length;
    const isSame = isSameBoot(this.openSession.bootId, bootId);
    const mayHaveLeft = isSame ? outcomes + this.openSession.concurrency : this.#sends.length;
    for (const { entry, hasOutcome } of this.#sends.slice(0, mayHaveLeft)) {
      if (!hasOutcome && entry.state === "left") entry.state = "unknown";
    }
    this.#forgetSends();
    this.openSession = null;
  }

  counts(callbackId?: string): RunCounts {
    const entries = [...this.entries.values()];
    return countCalls(callbackId === undefined ? entries : entries.filter((entry) => entry.callbackId === callbackId));
  }

  calls(): RunCall[] {
    return Array.from(this.entries.values(), ({ id, callbackId, state, isMarked, statusCode, message, at }) => {
      return { id, callbackId, state, isMarked, statusCode, message, at };
    });
  }

  #plan(line: { readonly call: string; readonly callback: string; readonly do: PlannedStep }): void {
    const isMark = line.do === "mark";
    this.entries.set(line.call, {
      id: line.call,
      callbackId: line.callback,
      do: line.do,
      state: isMark && this.header?.kind === "reconcile" ? "seen" : "left",
      isMarked: false,
      needsMark: isMark,
      statusCode: null,
      message: null,
      at: this.header?.startedAt ?? 0,
    });
  }

  #send(call: string): void {
    const entry = this.entries.get(call);
    if (entry === undefined) return;
    // Said again after its outcome wasn't known: it is to be sent like any other.
    if (entry.state === "unknown") entry.state = "left";
    const send = { entry, hasOutcome: false };
    this.#sends.push(send);
    this.#lastSend.set(call, send);
  }

  #settle(call: string, state: RunCallState, at: number, told: Partial<Pick<RunCall, "statusCode" | "message">> = {}): void {
    const send = this.#lastSend.get(call);
    if (send !== undefined) send.hasOutcome = true;
    const entry = this.entries.get(call);
    if (entry === undefined) return;
    entry.state = state;
    entry.at = at;
    entry.needsMark = state === "accepted" && this.header?.options?.mark === true;
    entry.statusCode = told.statusCode ?? null;
    entry.message = told.message ?? null;
  }

  #mark(call: string, at: number): void {
    const entry = this.entries.get(call);
    if (entry === undefined) return;
    if (entry.state === "left") entry.state = "marked";
    entry.isMarked = true;
    entry.needsMark = false;
    entry.at = at;
  }

  #unmark(call: string, at: number, message: string): void {
    const entry = this.entries.get(call);
    if (entry === undefined) return;
    entry.state = "unmarkable";
    entry.needsMark = false;
    entry.message = message;
    entry.at = at;
  }

  #forgetSends(): void {
    this.#sends = [];
    this.#lastSend.clear();
  }
}
