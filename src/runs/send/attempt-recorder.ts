import type { Client } from "../../client/client.js";
import type { ReplayAttempt } from "../../client/run-requests.js";
import { isWhcbError } from "../../domain/errors.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import { isSentElsewhere } from "../journal/run-counts.js";
import type { StopReason } from "../journal/run-step.js";
import { runnerOf } from "../run-deps.js";
import type { RunSession } from "../run-session.js";
import { Marker } from "./marker.js";

/** Who marks calls by hand meanwhile must not take what was just rejected for what failed before. */
const REPORTED_EACH_MS = 1_000;

/**
 * Records with the service what became of a callback's calls. An accepted call is marked SUCCESS. A service that is known to keep
 * attempts gets its attempt with the mark; every other attempt is reported in a request of its own. Those to another endpoint than the
 * callback's aren't reported.
 */
export class AttemptRecorder {
  readonly #callbackId: string;
  readonly #session: RunSession;
  readonly #marker: Marker;
  #toReport: ReplayAttempt[] = [];
  #reportedAtMs: number | null = null;
  #reports: Promise<void> = Promise.resolve();

  constructor(callbackId: string, findStopReason: () => Promise<StopReason | null>, session: RunSession) {
    this.#callbackId = callbackId;
    this.#session = session;
    const afterReports = async () => {
      // A call's attempt that is reported after its mark was begun would seem to be a later change of it.
      await this.#reportAll();
      return findStopReason();
    };
    const job = { callbackId, status: "SUCCESS", from: "accepted", findStopReason: afterReports } as const;
    this.#marker = new Marker(job, session);
  }

  markAccepted(attempt: ReplayAttempt): void {
    const goesWithMark = takesReportsWithMarks(this.#session.deps.client);
    this.#marker.add(attempt.callId, goesWithMark ? attempt : undefined);
    if (!goesWithMark) this.report(attempt);
  }

  /** The first report shows whether the service keeps attempts. */
  report(attempt: ReplayAttempt): void {
    if (isSentElsewhere(this.#session.header)) return;
    if (this.#session.deps.client.capabilities.lacks("reported-attempts")) return;
    this.#toReport.push(attempt);
    const isDue = this.#reportedAtMs === null || this.#nowMs() - this.#reportedAtMs >= REPORTED_EACH_MS;
    if (isDue || this.#toReport.length >= MAX_IDS_PER_REQUEST) this.#sendReport();
  }

  /** Resolves as `finish` does, or as soon as the service asks marks for a pause. */
  async finishOrPause(): Promise<void> {
    await this.#reportAll();
    await this.#marker.finishOrPause();
  }

  async #reportAll(): Promise<void> {
    if (this.#toReport.length > 0) this.#sendReport();
    await this.#reports;
  }

  /** Resolves when all are marked, or the service has failed (the session is then stopped). */
  finish(): Promise<void> {
    return this.#marker.finish();
  }

  #nowMs(): number {
    return this.#session.deps.clock.monotonicMs();
  }

  #sendReport(): void {
    const attempts = this.#toReport;
    this.#toReport = [];
    this.#reportedAtMs = this.#nowMs();
    this.#reports = this.#reports.then(() => this.#post(attempts));
  }

  /** A run doesn't fail because an attempt can't be reported. */
  async #post(attempts: readonly ReplayAttempt[]): Promise<void> {
    const { client } = this.#session.deps;
    try {
      await client.recordReplays(this.#callbackId, { sentFrom: runnerOf(this.#session.deps), attempts });
    } catch (error) {
      if (!isWhcbError(error)) throw error;
    }
  }
}

/** An attempt that is reported in a request of its own would seem to be a later change of its call. */
export function takesReportsWithMarks({ capabilities }: Client): boolean {
  return capabilities.has("reported-attempts") || capabilities.has("guarded-marks");
}
