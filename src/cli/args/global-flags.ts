/** Flags that every command takes. */
import { flag, value } from "./flag.js";

export const PROFILE = value("--profile <name>", "the profile to use (else WHCB_PROFILE, else the current one)", String);
export const SERVICE = value(
  "--service <url|file>",
  "the service: its URL, or a database file (else WHCB_URL, else the profile's)",
  String,
);
export const UTC = flag("--utc", "take and show dates in UTC instead of local time");
export const NO_COLOR = flag("--no-color", "no colour");
export const VERBOSE = flag("--verbose", "show each request and answer on stderr");

export const GLOBAL_FLAGS = [PROFILE, SERVICE, UTC, NO_COLOR, VERBOSE] as const;
