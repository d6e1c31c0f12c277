/** What a run has to tell the service about calls of one callback. */
export interface MarkJob {
  readonly callbackId: string;
  readonly status: "SUCCESS" | "FAILED";
  /** What the calls count as in the run. */
  readonly from: "left" | "accepted" | "seen";
}
