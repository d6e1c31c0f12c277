/**
 * The lines of a run's journal. Each is one JSON object on a line of its own, and tells a step before the next one is taken. The
 * callback's key is in none of them, and neither is what a call carries.
 */
import type { SkipReason, StopReason } from "./run-event.js";
import type { RunCounts, RunHeader } from "./run-record.js";

/** send: POST it. mark: only tell the service. ask: let the service attempt it. */
export type PlannedStep = "send" | "mark" | "ask";

export type JournalLine =
  | { readonly step: "run"; readonly version: 1; readonly header: RunHeader }
  | { readonly step: "planned"; readonly callback: string; readonly call: string; readonly do: PlannedStep }
  /** A process works on it from here. At most `concurrency` of the calls said to be sent are under way at once. */
  | {
      readonly step: "session";
      readonly at: number;
      readonly who: string;
      readonly bootId: string;
      readonly concurrency: number;
    }
  /**
   * About to be sent. Sends begin in the order of these lines, and the line `concurrency` places on only once an outcome is written
   * down: so of the lines without an outcome only the first few can have left.
   */
  | { readonly step: "sent"; readonly call: string; readonly at: number }
  | { readonly step: "accepted"; readonly call: string; readonly at: number; readonly ms: number }
  | {
      /** deferred: the endpoint asked for a pause, and it will be sent again. */
      readonly step: "refused" | "deferred";
      readonly call: string;
      readonly at: number;
      readonly ms: number;
      /** null: no answer came. */
      readonly status: number | null;
      readonly message: string;
    }
  | { readonly step: "requested"; readonly calls: readonly string[]; readonly at: number }
  | { readonly step: "marked"; readonly calls: readonly string[]; readonly as: "SUCCESS" | "FAILED"; readonly at: number }
  | { readonly step: "unmarkable"; readonly call: string; readonly at: number; readonly message: string }
  | { readonly step: "skipped"; readonly call: string; readonly at: number; readonly reason: SkipReason }
  /** The session ended in order: nothing of it is under way. */
  | { readonly step: "ended"; readonly at: number; readonly reason: StopReason | "done"; readonly counts: RunCounts };

export function journalText(line: JournalLine): string {
  return `${JSON.stringify(line)}\n`;
}

/** null where it is no line of a journal. The journal is our own: its fields are as they were written. */
export function parseJournalLine(text: string): JournalLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isJournalLine(value) ? value : null;
}

const CALL_STEPS = new Set(["planned", "sent", "accepted", "refused", "deferred", "unmarkable", "skipped"]);

function isJournalLine(value: unknown): value is JournalLine {
  if (typeof value !== "object" || value === null || !("step" in value) || typeof value.step !== "string") return false;
  if (CALL_STEPS.has(value.step)) return "call" in value && typeof value.call === "string";
  switch (value.step) {
    case "run":
      return "version" in value && value.version === 1 && "header" in value && isHeader(value.header);
    case "session":
      return "concurrency" in value && typeof value.concurrency === "number" && "bootId" in value;
    case "requested":
    case "marked":
      return "calls" in value && Array.isArray(value.calls);
    case "ended":
      return "counts" in value && typeof value.counts === "object" && value.counts !== null;
    default:
      return false;
  }
}

function isHeader(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "runId" in value &&
    typeof value.runId === "string" &&
    "callbacks" in value &&
    Array.isArray(value.callbacks) &&
    "profile" in value &&
    typeof value.profile === "string"
  );
}
