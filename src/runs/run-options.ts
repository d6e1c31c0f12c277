/** How a replay sends. */
export interface ReplayOptions {
  /** Requests to one endpoint at once. */
  readonly concurrency: number;
  /** Requests to one endpoint in any second, at most; null: no limit. */
  readonly rate: number | null;
  /** Send one call first; if it fails, nothing else of that callback is sent. */
  readonly canary: boolean;
  /** Stop after this many failures in a row. */
  readonly maxFailures: number;
  /** Never two of one sender, or of one message, at once, and none after one of them was rejected. */
  readonly serialBy: "from" | "message" | null;
  /** Send to this URL instead of the callbacks' own. */
  readonly to: string | null;
  /** With `to`: send the callback's auth too. */
  readonly withAuth: boolean;
  /** Mark what was accepted. Meant to be false with `to`, unless the user asks for it. */
  readonly mark: boolean;
  /** Ask the service to attempt the calls itself; the other options are then unused. */
  readonly viaService: boolean;
  /** The name of the query parameter of `queryparam` auth; left out: the wire's default. */
  readonly authParameter?: string;
}

export const DEFAULT_REPLAY_OPTIONS: ReplayOptions = {
  concurrency: 8,
  rate: null,
  canary: true,
  maxFailures: 10,
  serialBy: null,
  to: null,
  withAuth: false,
  mark: true,
  viaService: false,
};
