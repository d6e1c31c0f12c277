/** Of one process: docs/dispatcher.md, Limits. */
export interface SendLimits {
  /** Requests to endpoints. */
  readonly inFlightInAll: number;
  /** Of bodies, prefetched and in flight. One may always go. */
  readonly bodyBytes: number;
}

export const MIB = 1024 * 1024;

export const DEFAULT_SEND_LIMITS: SendLimits = { inFlightInAll: 512, bodyBytes: 64 * MIB };
