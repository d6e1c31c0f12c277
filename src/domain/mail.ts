/** A queued e-mail to a callback's address. There is at most one per outage, so the outage's id is its id. */
export interface Mail {
  readonly outageId: string;
  readonly callbackId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly createdAt: number;
  /** Sendings that failed so far. */
  readonly tries: number;
}
