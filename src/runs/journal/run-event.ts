/** What a use-case tells while it works. */
import type { DeliveryResult } from "../../domain/attempt.js";

export type RunEvent =
  /** Calls of a callback listed so far; `total` is null where the service doesn't say. */
  | { readonly type: "listed"; readonly callbackId: string; readonly calls: number; readonly total: number | null }
  | { readonly type: "started"; readonly runId: string; readonly calls: number }
  | { readonly type: "accepted"; readonly callbackId: string; readonly callId: string; readonly durationMs: number }
  | {
      readonly type: "refused";
      readonly callbackId: string;
      readonly callId: string;
      readonly durationMs: number;
      readonly result: DeliveryResult;
    }
  /** The service was asked to attempt these. */
  | { readonly type: "requested"; readonly callbackId: string; readonly callIds: readonly string[] }
  | {
      readonly type: "marked";
      readonly callbackId: string;
      readonly callIds: readonly string[];
      readonly status: "SUCCESS" | "FAILED";
    }
  /** The service knows no such call any more. */
  | { readonly type: "unmarkable"; readonly callbackId: string; readonly callId: string; readonly reason: string }
  /** Not sent, for good in this run. */
  | { readonly type: "skipped"; readonly callbackId: string; readonly callId: string; readonly reason: SkipReason }
  /** The endpoint asked to be left alone until then (epoch ms). */
  | { readonly type: "paused"; readonly callbackId: string; readonly until: number }
  /** No new sends from here on. */
  | { readonly type: "stopping"; readonly callbackId: string | null; readonly reason: StopReason };

/** settled: SUCCESS or gone by now; order: an earlier one of the same sender or message was refused. */
export type SkipReason = "settled" | "order";

/** Why a run, or its part for one callback, ended before its calls did. */
export type StopReason = "interrupted" | "canary" | "max-failures" | "retry-after" | "journal" | "service";

export type RunListener = (event: RunEvent) => void;
