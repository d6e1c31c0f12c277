import type { BodyFormat } from "../domain/callback.js";
import type { BodyNames } from "../wire/delivery-settings.js";

/** What a call's body depends on, beside its callback. */
export interface BodyOptions {
  /** Used for a callback whose content type the service doesn't return. */
  readonly contentType?: BodyFormat | undefined;
  /** Left out: the wire's default. */
  readonly bodyNames?: BodyNames | undefined;
}

export interface ReplayOptions extends BodyOptions {
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
  /** For `queryparam` auth; left out: the wire's default. */
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
