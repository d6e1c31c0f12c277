/** Which calls a bulk job is about, before anything was asked of the service. */
import type { CallFilter } from "../../domain/call-filter.js";

export interface CallScope {
  /** Ids or names; null: all callbacks of the service. */
  readonly callbacks: readonly string[] | null;
  readonly calls: CallSelector;
}

/** Ids (case ignored), or a filter. Neither ever means "all by default": an empty list of ids selects nothing. */
export type CallSelector = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };
