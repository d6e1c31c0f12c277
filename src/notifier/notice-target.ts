import type { ExpiryReport, NoticeEvent, OutageReport } from "../domain/outage.js";

export interface NoticeTarget {
  /** The database knows the target by this name. It isn't a URL, which may hold a secret. */
  readonly destination: string;
  /** People know the target by this name, which has no secrets. */
  readonly place: string;
  readonly events: readonly NoticeEvent[];
  /** So many notices are in flight at once at most. */
  readonly atOnce: number;
  /** Resolves to null if the notice was taken. A repeat has the same id. */
  send(report: OutageReport | ExpiryReport): Promise<SendFailure | null>;
}

export interface SendFailure {
  /** The reason has no secrets. */
  readonly reason: string;
  readonly retryAfterMs: number | null;
}
