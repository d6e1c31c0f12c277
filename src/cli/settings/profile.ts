import type { Credentials } from "../cli-deps.js";

/** What the settings file holds. */
export interface Settings {
  readonly current: string | null;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The user and API key that `whcb serve` made at its first run. */
  readonly serve: Credentials | null;
}

/** A service that one works against. */
export interface Profile {
  /** An http(s) URL, or the absolute path of a database file. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly apiKey?: string;
  /** The default callback: an id or a name. */
  readonly callback?: string;
  /** IANA name of the zone of the service's dd/MM/yy dates. */
  readonly timezone?: string;
  /** Requests a second, at most. */
  readonly rate?: number;
}

export const NO_SETTINGS: Settings = { current: null, profiles: new Map(), serve: null };
