import { OUTPUT_LINES } from "../flags/output.js";
import { parseDuration, parsePositiveDuration } from "../parse/duration.js";
import { integer, parseRate, parseShare } from "../parse/numbers.js";
import type { CommandSpec } from "../spec/command-spec.js";
import { choice, choiceOr, flag, value, valueOr, values } from "../spec/flag.js";

export const PORT = valueOr("--port <n>", "0: any free one", "8787", integer(0, 65_535));
export const HOST = valueOr("--host <address>", "an address that isn't loopback turns the public rules on", "127.0.0.1", String);
export const DB = value("--db <file|url>", "the database (else WHCB_DB; default: whcb.db in the data folder)", String);
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

export const SERVE: CommandSpec = {
  name: "serve",
  summary: "a callbacks service here: the API and the dispatcher, on SQLite, in one process",
  details: `When it is ready it prints one line on stdout: Listening on http://127.0.0.1:8787. The first run makes a user and an API key and
keeps them in the settings (0600) with a profile named local, so that the next command just works; WHCB_USERNAME, WHCB_PASSWORD
and WHCB_API_KEY set them instead. Ctrl-C lets what is under way end (65 s at most); a second one stops at once.
A database or mail server whose URL has a password is given as WHCB_DB or WHCB_SMTP. WHCB_SECRET_KEY (32 bytes, base64)
is the key that encrypts the callbacks' auth keys.`,
  flags: [
    PORT,
    HOST,
    DB,
    RETRY_INTERVAL,
    RETRY_WINDOW,
    NO_JITTER,
    RETAIN,
    SMTP,
    MAIL_DIR,
    PLAN,
    NO_ENDPOINT_CHECK,
    NO_DISPATCH,
    ALLOW_NETWORK,
    TRUST_PROXY,
    LOG_LEVEL,
  ],
  examples: [
    ["whcb serve", "on port 8787, with the database in the data folder"],
    ["whcb serve --port 0 --db x.db", "any free port, a database of its own"],
    ["whcb serve --retry-interval 5s --retry-window 60s", "a day of retries in a minute"],
    ["whcb serve --plan startup", "as slow as the platform's smallest plan"],
  ],
  load: () => import("./serve.js"),
};

export const COUNT = valueOr("-n, --count <n>", "how many responses", "1", integer(1, 10_000_000));
export const KIND = choiceOr("--kind <kind>", "reply or undeliverable", "reply", ["reply", "undeliverable"]);
export const TRIGGER_CHANNEL = choiceOr("--channel <channel>", "sms, email or voice", "sms", ["sms", "email", "voice"]);
export const CONTENT = value("--content <text>", "what the reply says; {n} is its number", String);
export const RESPONSES_FILE = value("--file <file>", "responses as NDJSON, one call object a line; - for stdin", String);
export const TRIGGER_RATE = value("--rate <n/s>", "hand them over this fast, such as 50/s", parseRate);

export const TRIGGER: CommandSpec = {
  name: "trigger",
  operands: [["<callback>", "id or name"]],
  summary: "hand whcb serve responses to deliver",
  details:
    "A line of --file is a call object of the API: messageId, messageLocation, from, responseMessage, customParameters;\nwhat is missing is made up or left empty. With an id, a response that is handed over twice is taken once.",
  flags: [COUNT, KIND, TRIGGER_CHANNEL, CONTENT, RESPONSES_FILE, TRIGGER_RATE, OUTPUT_LINES],
  examples: [
    ["whcb trigger demo -n 100", "a hundred replies"],
    ["whcb trigger demo --kind undeliverable --channel email", "a message that didn't arrive"],
    ["whcb trigger demo -n 1000 --rate 50/s", "a steady stream"],
    ["whcb trigger demo --file responses.ndjson", "your own"],
  ],
  load: () => import("./trigger.js"),
};

export const LISTEN_PORT = valueOr("--port <n>", "0: any free one", "9000", integer(0, 65_535));
export const STATUS_FLAG = value(
  "--status <code>",
  "answer every POST with this (default: 200; failures: 503)",
  integer(100, 599),
);
export const FAIL_FIRST = value("--fail-first <n>", "fail the first N, then recover", integer(1));
export const FAIL_FOR = value("--for <duration>", "fail so long, then recover", parsePositiveDuration);
export const FLAKY = value("--flaky <share>", "fail this share of all, such as 0.2", parseShare);
export const SEED = valueOr("--seed <n>", "the same seed fails the same ones", "1", integer(0, 0xffff_ffff));
export const DELAY = value("--delay <duration>", "answer so late", parseDuration);
export const HANG = flag("--hang", "never answer");

export const LISTEN: CommandSpec = {
  name: "listen",
  summary: "a throw-away endpoint that prints what it receives: rehearse tomorrow's outage today",
  details: "A GET, which is how a service checks a new callback, is always answered with 200 at once.",
  flags: [LISTEN_PORT, STATUS_FLAG, FAIL_FIRST, FAIL_FOR, FLAKY, SEED, DELAY, HANG, OUTPUT_LINES],
  examples: [
    ["whcb listen", "take everything"],
    ["whcb listen --port 9000 --status 503", "an endpoint that is down"],
    ["whcb listen --for 30s", "down for half a minute, then back"],
    ["whcb listen --flaky 0.2 --seed 7 -o ndjson", "one in five fails; for a script"],
  ],
  load: () => import("./listen.js"),
};

export const DEMO: CommandSpec = {
  name: "demo",
  summary: "the whole story in some seconds: an outage, one e-mail, the replay; every count is checked",
  details: "Runs on a service of its own, in memory, with real sockets; nothing of yours is touched. Exit 1 if a count is wrong.",
  flags: [],
  examples: [["whcb demo", "see it work"]],
  load: () => import("./demo.js"),
};
