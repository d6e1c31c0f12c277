/** How `serve` serves. */
import { parsePositiveDuration } from "../../args/duration.js";
import { choice, choiceOr, flag, value, valueOr, values } from "../../args/flag.js";
import { integer } from "../../args/numbers.js";
export const PORT = valueOr("--port <n>", "0: any free one", "8787", integer(0, 65_535));
export const HOST = valueOr("--host <address>", "an address that isn't loopback turns the public rules on", "127.0.0.1", String);
export const DB = value("--db <file>", "the database (else WHCB_DB; default: whcb.db in the data folder)", String);
export const RETRY_INTERVAL = valueOr("--retry-interval <duration>", "between retries of a call", "5m", parsePositiveDuration);
export const RETRY_WINDOW = valueOr("--retry-window <duration>", "how long a call is retried", "24h", parsePositiveDuration);
export const NO_JITTER = flag("--no-jitter", "retry on the dot instead of ±10 %");
export const RETAIN = value(
  "--retain <duration>",
  "keep settled calls so long (default: 30d with retries, 365d without)",
  parsePositiveDuration,
);
export const SMTP = value("--smtp <url>", "send outage mails by this server (else WHCB_SMTP; default: .eml files)", String);
export const MAIL_DIR = value("--mail-dir <dir>", "where the .eml files go (default: mail/ beside the database)", String);
export const PLAN = choice("--plan <plan>", "imitate the platform's rate and page limits: startup, business or enterprise", [
  "startup",
  "business",
  "enterprise",
]);
export const NO_ENDPOINT_CHECK = flag("--no-endpoint-check", "don't GET a callback's URL when it is registered");
export const NO_DISPATCH = flag("--no-dispatch", "take responses in and send none");
export const ALLOW_NETWORK = values("--allow-network <cidr>", "with the public rules: allow callbacks in this network", String);
export const TRUST_PROXY = flag("--trust-proxy", "believe X-Forwarded-Host and -Proto, for links");
export const LOG_LEVEL = choiceOr("--log-level <level>", "what is logged, as JSON on stderr", "warn", [
  "silent",
  "error",
  "warn",
  "info",
]);
