import { formatDuration, parsePositiveDuration, spellDuration } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { parseWebUrl } from "../../../domain/mask.js";
import { DEFAULT_SEND_LIMITS, DEFAULT_SERVICE_SETTINGS } from "../../../domain/service-settings.js";
import {
  BODY_NAMES,
  DEFAULT_AUTH_PARAMETER,
  DEFAULT_BODY_NAMES,
  parseBodyNames,
  parseParameterName,
} from "../../../wire/delivery-settings.js";
import { command } from "../../args/command-spec.js";
import { choice, choiceOr, flag, value, valueOr, values } from "../../args/flag.js";
import { formatSize, integer, parseSize } from "../../args/flag-values.js";
import { EGRESS_PROXY } from "../../args/sending-flags.js";
import { DEFAULT_NOTICE_FORMAT } from "../../settings/notice-urls.js";

const METRICS_PORT = value(
  "--metrics-port <n>",
  "serve /metrics without credentials on this port; 0: any free port",
  integer(0, 65_535),
);

/** A process that sends nothing would ignore these. */
const SENDING_FLAGS = {
  smtp: value("--smtp <url>", "the mail server for outage e-mails (or WHCB_SMTP; default: .eml files)", String),
  notify: values(
    "--notify <url>",
    "POST a notice to this URL when an outage begins and ends, and of calls that are given up (or WHCB_NOTIFY, for URLs that hold a secret)",
    String,
  ),
  notifyFormat: {
    ...choice("--notify-format <format>", "json, signed with WHCB_NOTIFY_SECRET, or slack, which Slack's own URLs always get", [
      "json",
      "slack",
    ]),
    defaultText: DEFAULT_NOTICE_FORMAT,
  },
  notifyRecovery: flag("--notify-recovery", "send an e-mail at the end of an outage, too"),
  maxInFlight: valueOr(
    "--max-in-flight <n>",
    "the requests to endpoints that this process has in flight, at most",
    String(DEFAULT_SEND_LIMITS.inFlightInAll),
    integer(1, 10_000),
  ),
  bodyMemory: valueOr(
    "--body-memory <size>",
    "the memory that bodies on their way to endpoints take, at most; one larger body may always go",
    formatSize(DEFAULT_SEND_LIMITS.bodyBytes),
    parseSize,
  ),
  publicUrl: value(
    "--public-url <url>",
    "where people reach the console, such as https://whcb.example.com: e-mails and notices link to the outage's page there",
    parseOrigin,
  ),
};
const { smtp, maxInFlight, bodyMemory, publicUrl, ...NOTICE_FLAGS } = SENDING_FLAGS;

const PLAN = choice("--plan <plan>", "imitate the platform's rate and page limits: startup, business or enterprise", [
  "startup",
  "business",
  "enterprise",
]);
const NO_ENDPOINT_CHECK = flag("--no-endpoint-check", "don't check a callback's URL with a GET when it is registered");

const FLAGS = {
  port: valueOr("--port <n>", "the port to listen on; 0: any free port", "8787", integer(0, 65_535)),
  host: valueOr(
    "--host <address>",
    "the address to listen on; one that isn't loopback turns the public rules on",
    "127.0.0.1",
    String,
  ),
  database: value("--db <database>", "a file, or a URL of PostgreSQL (or WHCB_DB; default: whcb.db in the data folder)", String),
  retryInterval: value(
    "--retry-interval <duration>",
    `the time between two attempts of a call (default: ${spellDuration(DEFAULT_SERVICE_SETTINGS.intervalMs)})`,
    parsePositiveDuration,
  ),
  retryWindow: value(
    "--retry-window <duration>",
    `how long a call is retried (default: ${spellDuration(DEFAULT_SERVICE_SETTINGS.windowMs)})`,
    parsePositiveDuration,
  ),
  noJitter: flag("--no-jitter", "retry exactly after the interval instead of ±10 %"),
  retainSuccess: value(
    "--retain-success <duration>",
    `how long SUCCESS calls are kept after their last change (default: ${formatDuration(DEFAULT_SERVICE_SETTINGS.retainSuccessMs)})`,
    parsePositiveDuration,
  ),
  retainFailed: value(
    "--retain-failed <duration>",
    `how long FAILED calls are kept after their last change (default: ${formatDuration(DEFAULT_SERVICE_SETTINGS.retainFailedMs)})`,
    parsePositiveDuration,
  ),
  retainMail: value(
    "--retain-mail <duration>",
    `how long sent e-mails and .eml files are kept (default: ${formatDuration(DEFAULT_SERVICE_SETTINGS.retainMailMs)})`,
    parsePositiveDuration,
  ),
  smtp,
  mailDir: value("--mail-dir <dir>", "where .eml files are written (default: mail/ beside the database)", String),
  ...NOTICE_FLAGS,
  plan: PLAN,
  authParameter: value(
    "--auth-parameter <name>",
    `the query parameter that carries the key of a callback with queryparam auth (default: ${DEFAULT_AUTH_PARAMETER})`,
    parseParameterName,
  ),
  bodyNames: {
    ...valueOr(
      "--body-names <names>",
      `what a delivered body calls the message's id and URL: ${BODY_NAMES.join(", ")}`,
      DEFAULT_BODY_NAMES,
      parseBodyNames,
    ),
    choices: BODY_NAMES,
  },
  noEndpointCheck: NO_ENDPOINT_CHECK,
  noDispatch: { ...flag("--no-dispatch", "accept responses, but send none"), conflicts: Object.values(SENDING_FLAGS) },
  noApi: {
    ...flag("--no-api", "dispatch only: of HTTP, answer /healthz, /readyz and /metrics"),
    conflicts: [PLAN, NO_ENDPOINT_CHECK],
  },
  maxInFlight,
  bodyMemory,
  allowNetwork: values("--allow-network <cidr>", "with the public rules: allow callbacks in this network", String),
  egressProxy: EGRESS_PROXY,
  trustProxy: {
    ...values(
      "--trust-proxy [cidr]",
      "believe X-Forwarded-For, -Host and -Proto of proxies in this network (without a value: of this machine)",
      String,
    ),
    valueIfBare: "127.0.0.0/8,::1",
  },
  allowHost: values(
    "--allow-host <name>",
    "on loopback: a name in the Host header besides localhost, such as a proxy's; sessions of the console stay at it",
    String,
  ),
  publicUrl,
  metricsPort: METRICS_PORT,
  metricsHost: {
    ...value(
      "--metrics-host <address>",
      "the address of --metrics-port; anyone who can reach it can read the metrics (default: 127.0.0.1)",
      String,
    ),
    needs: [{ flag: METRICS_PORT }],
  },
  logLevel: choiceOr("--log-level <level>", "what is logged, as JSON on stderr: silent, error, warn or info", "warn", [
    "silent",
    "error",
    "warn",
    "info",
  ]),
};

/** The console can't be below a path of the proxy, so there is none to give. */
function parseOrigin(text: string): string {
  const url = parseWebUrl(text);
  if (url !== null && url.href === `${url.origin}/`) return url.origin;
  const rule = 'must be http or https, a host and perhaps a port, such as "https://whcb.example.com"';
  // It may be a password, which the journal of the system would keep.
  if (text.includes("@")) throw new WhcbError("usage", `--public-url contains a user or an @, and ${rule}`);
  throw new Error(rule);
}

export type ServeFlags = typeof FLAGS;

export const SERVE = command({
  details: `When it is ready, it prints one line on stdout: Listening on http://127.0.0.1:8787. The first run creates a user and an API key
and stores them in the settings file (0600) with a profile named local, so that the next command works without setup.
WHCB_USERNAME, WHCB_PASSWORD and WHCB_API_KEY set them instead. They replace those of earlier starts; users that \`whcb users add\` added
stay. Ctrl-C lets attempts in flight finish (at most 65 s); a second one
stops immediately. A mail server's URL that contains a password is given as WHCB_SMTP. WHCB_SECRET_KEY (32 bytes, base64) is the
key that encrypts the callbacks' auth keys; without it, one is created beside the database.

Any number of \`whcb serve\` may share a PostgreSQL database, such as postgres://whcb@db.example.com/whcb, with the same WHCB_SECRET_KEY. A URL
that contains a password is given as WHCB_DB, or the password in the file that PGPASSFILE names. With --no-api a node has neither API nor
console, makes no user and writes no profile; with --no-dispatch it accepts responses and leaves sending to the others.

--notify reports outages to other places than the callback's e-mail address. A URL that holds a secret, such as a login or one of Slack, is given
in WHCB_NOTIFY, which may have several, separated by spaces. WHCB_NOTIFY_SECRET (whsec_ and base64) signs what is sent, as Standard Webhooks says.

--retry-interval, --retry-window, --retain-success, --retain-failed and --retain-mail are kept in the database: a later start without the flag uses
the stored value. The values in force are printed on stderr.`,
  flags: FLAGS,
  examples: [
    ["whcb serve", "on port 8787, with the database in the data folder"],
    ["whcb serve --port 0 --db x.db", "on any free port, with its own database"],
    ["whcb serve --db postgres://whcb@localhost/whcb", "on PostgreSQL, which other nodes may share"],
    ["whcb serve --retry-interval 5s --retry-window 60s", "watch a retry window pass in a minute"],
    ["WHCB_NOTIFY=https://hooks.slack.com/services/… whcb serve", "with a message in Slack when an outage begins and ends"],
    ["whcb serve --plan startup", "with the limits of the platform's smallest plan"],
  ],
  load: () => import("./run.js"),
});
