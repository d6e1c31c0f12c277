import type { BodyFormat } from "../domain/callback.js";
import type { BodyNames } from "../wire/delivery-settings.js";

export interface ReplayOptions {
  /** To one endpoint. */
  readonly concurrency: number;
  /** Requests a second to one endpoint; null: no limit. */
  readonly rate: number | null;
  /** Send one call first; if it fails, no more of that callback. */
  readonly canary: boolean;
  /** In a row. */
  readonly maxFailures: number;
  /** One call at a time per sender or message, and none after a rejected one. */
  readonly serialBy: "from" | "message" | null;
  readonly to: string | null;
  /** With `to`: send the callback's auth too. */
  readonly withAuth: boolean;
  /** Mark accepted calls; false with `to` unless asked for. */
  readonly mark: boolean;
  /** The service attempts the calls; other options are unused. */
  readonly viaService: boolean;
  /** Of callbacks for which the service doesn't return it. */
  readonly contentType?: BodyFormat | undefined;
  /** For `queryparam` auth; left out: the wire's default. */
  readonly authParameter?: string;
  /** Left out: the wire's default. */
  readonly bodyNames?: BodyNames;
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
