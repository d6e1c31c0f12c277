/** What is queued with an outage: its e-mail, and notices to other places. */
import type { Mail, Notice, NoticeChannel, OutageReport } from "../domain/outage.js";

export interface MailStore {
  /** Unsent and due at `dueBefore`, oldest first. */
  fetchQueuedMails(dueBefore: number, limit: number): Promise<readonly Mail[]>;
  /**
   * Of these, those that were due at `dueBefore` and that no other node has claimed: theirs until `until`, or recorded as sent or failed. On
   * SQLite: all.
   */
  claimMails(outageIds: readonly string[], dueBefore: number, until: number): Promise<ReadonlySet<string>>;
  /** When the first is due, or the claim on it ends; null: none is queued. */
  nextMailAt(): Promise<number | null>;
  /** Sets the outage's `notifiedAt` and `notifiedBy`. */
  recordMailSent(outageId: string, at: number, by: NoticeChannel): Promise<void>;
  recordMailFailed(outageId: string, error: string, nextTryAt: number): Promise<void>;
}

/** To whom the outages of a group are reported, at `at`. */
export interface QueuedNotices {
  /** Destinations. */
  readonly began: readonly string[];
  readonly ended: readonly string[];
  readonly at: number;
}

export interface NoticeStore {
  /**
   * To one destination, due at `dueBefore`, the least tried first, then the oldest. An outage's end only after its beginning was sent, and
   * not while the outage is open again. Of a deleted callback only that end, if the beginning was sent. None older than NOTICE_LIFETIME_MS.
   */
  fetchNotices(destination: string, dueBefore: number, limit: number): Promise<readonly Notice[]>;
  /** As claimMails: those of `notices` that are this node's until `until`. */
  claimNotices(notices: readonly Notice[], dueBefore: number, until: number): Promise<readonly Notice[]>;
  /** When the next of those that fetchNotices finds is due. */
  nextNoticeAt(destination: string, now: number): Promise<number | null>;
  saveReport(notice: Notice, report: OutageReport): Promise<void>;
  recordNoticeSent(notice: Notice, at: number): Promise<void>;
  recordNoticeFailed(notice: Notice, error: string, nextTryAt: number): Promise<void>;
}

/** Older ones aren't sent: an outage of last week is no news. */
export const NOTICE_LIFETIME_MS = 24 * 60 * 60_000;
