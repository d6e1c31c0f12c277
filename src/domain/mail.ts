/** At most one per outage: the outage's id is its id. */
export interface Mail {
  readonly outageId: string;
  readonly callbackId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly createdAt: number;
  /** Failed so far. */
  readonly tries: number;
}
