/** How a run sends. */
export interface ReplayOptions {
  /** Requests to one endpoint at once. */
  readonly concurrency: number;
  /** Requests to one endpoint a second, at most, in any second; null: no limit. */
  readonly rate: number | null;
  /** Send one call first; if it fails, nothing else of that callback is sent. */
  readonly canary: boolean;
  /** Stop after this many failures in a row. */
  readonly maxFailures: number;
  /** Never two of one sender, or of one message, at once, and none after one of them was refused. */
  readonly serialBy: "from" | "message" | null;
  /** Send to this URL instead of the callbacks' own. */
  readonly to: string | null;
  /** With `to`: send the callback's auth all the same. */
  readonly withAuth: boolean;
  /** Mark what was accepted. Meant to be false with `to`, unless asked for. */
  readonly mark: boolean;
  /** Ask the service to attempt the calls itself; the other options but `signal` say nothing then. */
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

/** What a run is given besides its options, and what is never written down. */
export interface RunControl {
  /** First Ctrl-C: no new sends, those in flight finish, marks are flushed. */
  readonly signal?: AbortSignal;
  /** Keys of callbacks whose key the service doesn't return, by callback id. */
  readonly keys?: ReadonlyMap<string, string>;
}
