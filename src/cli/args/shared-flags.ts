import { choice, flag, value, values } from "./flag.js";
import { integer } from "./flag-values.js";

export const PROFILE = value("--profile <profile>", "the profile to use (default: WHCB_PROFILE, then the current one)", String);
export const SERVICE = value(
  "--service <url|file>",
  "the service: its URL, or a database file (default: WHCB_URL, then the profile's)",
  String,
);
export const UTC = flag("--utc", "read and show dates in UTC instead of local time");
export const NO_COLOR = flag("--no-color", "no colour");
export const PLAIN_TEXT = flag("--plain", "no spinner and no cursor movement, only lines one after the other (or ACCESSIBLE=1)");
export const VERBOSE = flag("--verbose", "show each request, each POST to an endpoint, and the answers on stderr");

export const GLOBAL_FLAGS = [PROFILE, SERVICE, UTC, NO_COLOR, PLAIN_TEXT, VERBOSE] as const;

/** Commands that work on the database itself have it. */
export const DATABASE = value(
  "--db <file>",
  "the database (default: a typed profile's, then WHCB_DB, then the profile's)",
  String,
);

export const OUTPUT_FORMATS = ["table", "json", "ndjson", "csv", "ids"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export const OUTPUT = choice(
  "-o, --output <format>",
  "table, json, ndjson, csv or ids (default: table; tab-separated when piped)",
  OUTPUT_FORMATS,
);
export const OUTPUT_TEXT_JSON = choice("-o, --output <format>", "table or json", ["table", "json"]);
export const OUTPUT_LINES = choice("-o, --output <format>", "table, json or ndjson (one line per item)", [
  "table",
  "json",
  "ndjson",
]);

export const OUTPUT_LINES_IDS = choice("-o, --output <format>", "table, json, ndjson (one line per item) or ids", [
  "table",
  "json",
  "ndjson",
  "ids",
]);

/** A terminal shows so many rows, unless more are asked for. */
export const TERMINAL_LIMIT = 20;
export const LIMIT = value("-n, --limit <n>", "show at most this many (default: 20 on a terminal, all in a pipe)", integer(1));
export const COLUMNS = values("--columns <names>", "the columns to show, comma-separated", String);
export const ALL_CALLBACKS = flag(
  "--all-callbacks",
  "of all callbacks; with --yes, a filter and ids of --file or stdin need it, unless a callback is named",
);
export const FILE = value("--file <file>", "read whole call ids from this file, one per line", String);
