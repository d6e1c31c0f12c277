import type { CommandSpec } from "../../args/command-spec.js";
import { OUTPUT_LINES } from "../../args/output-flags.js";
import { DELAY, FAIL_FIRST, FAIL_FOR, FLAKY, HANG, LISTEN_PORT, SEED, STATUS_FLAG } from "../listen/listen-flags.js";
import { CONTENT, COUNT, KIND, RESPONSES_FILE, TRIGGER_CHANNEL, TRIGGER_RATE } from "../trigger/trigger-flags.js";
import {
  ALLOW_NETWORK,
  DB,
  HOST,
  LOG_LEVEL,
  MAIL_DIR,
  NO_DISPATCH,
  NO_ENDPOINT_CHECK,
  NO_JITTER,
  PLAN,
  PORT,
  RETAIN,
  RETRY_INTERVAL,
  RETRY_WINDOW,
  SMTP,
  TRUST_PROXY,
} from "./serve-flags.js";

export const SERVE: CommandSpec = {
  name: "serve",
  summary: "a callbacks service here: the API and the dispatcher, on SQLite, in one process",
  details: `When it is ready it prints one line on stdout: Listening on http://127.0.0.1:8787. The first run makes a user and an API key and
keeps them in the settings (0600) with a profile named local, so that the next command just works; WHCB_USERNAME, WHCB_PASSWORD
and WHCB_API_KEY set them instead. Ctrl-C lets what is under way end (65 s at most); a second one stops at once.
A mail server whose URL has a password is given as WHCB_SMTP. WHCB_SECRET_KEY (32 bytes, base64) is the key that encrypts the
callbacks' auth keys; without it one is made, beside the database.`,
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
  load: () => import("./run.js"),
};

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
  load: () => import("../trigger/run.js"),
};

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
  load: () => import("../listen/run.js"),
};

export const DEMO: CommandSpec = {
  name: "demo",
  summary: "the whole story in some seconds: an outage, one e-mail, the replay; every count is checked",
  details: "Runs on a service of its own, in memory, with real sockets; nothing of yours is touched. Exit 1 if a count is wrong.",
  flags: [],
  examples: [["whcb demo", "see it work"]],
  load: () => import("../demo/run.js"),
};
