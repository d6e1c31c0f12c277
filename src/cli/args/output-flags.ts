/** How a listing is written. */
import { choice, values } from "./flag.js";

export const OUTPUT_FORMATS = ["table", "json", "ndjson", "csv", "ids"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export const OUTPUT = choice(
  "-o, --output <format>",
  "table, json, ndjson, csv or ids (default: a table; tab-separated when piped)",
  OUTPUT_FORMATS,
);
/** For commands whose answer is one thing, or events. */
export const OUTPUT_TEXT_JSON = choice("-o, --output <format>", "table or json", ["table", "json"]);
export const OUTPUT_LINES = choice("-o, --output <format>", "table, json or ndjson (one line per item)", [
  "table",
  "json",
  "ndjson",
]);

export const COLUMNS = values("--columns <names>", "the columns to show, comma-separated", String);
