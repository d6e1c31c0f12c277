/** `until` is in epoch ms. */
export type Wait =
  /** A request has been sent; it is given up at `until`. */
  | { readonly for: "answer"; readonly from: Answerer; readonly until: number }
  /** The answer had this Retry-After, and the status if it is known. */
  | {
      readonly for: "pause";
      readonly from: Answerer;
      readonly until: number;
      readonly status: number | null;
      readonly retryAfterMs: number;
    }
  /** `reason` says why try number `tried` failed. */
  | { readonly for: "retry"; readonly until: number; readonly reason: string; readonly tried: number; readonly mostTries: number }
  /** The next request needs a place in the plan's rate. */
  | { readonly for: "rate"; readonly perSecond: number };

type Answerer = "service" | "endpoint";

export interface OngoingWait {
  change(wait: Wait): void;
  end(): void;
}

/** What waits says so; it is shown if it lasts. */
export type BeginWait = (wait: Wait) => OngoingWait;

export const SILENT_WAIT: BeginWait = () => ({ change() {}, end() {} });
