import type { OutageEvent, OutageReport } from "../domain/outage.js";

export interface NoticeTarget {
  /** In the database. Not a URL, which may hold a secret. */
  readonly destination: string;
  /** For people: without secrets. */
  readonly place: string;
  readonly events: readonly OutageEvent[];
  /** In flight. */
  readonly atOnce: number;
  /** null: taken. A repeat has the same id. */
  send(report: OutageReport): Promise<SendFailure | null>;
}

export interface SendFailure {
  /** Without secrets. */
  readonly reason: string;
  /** The pause that the receiver asked for. */
  readonly retryAfterMs: number | null;
}
