import { LONGEST_PAUSE_MS } from "../../../domain/callback.js";
import { parsePositiveDuration, spellDuration } from "../../../domain/duration.js";
import { DEFAULT_RETRY_POLICY } from "../../../domain/retry-policy.js";
import { command, type GroupBody } from "../../args/command-spec.js";
import { choice, flag, value } from "../../args/flag.js";
import { parseCallbackName, parseCallbackUrl } from "../../args/flag-values.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { CALLBACK_FIELDS } from "../../output/json-fields.js";
import { YES } from "../../output/questions.js";

const ON_OFF = ["on", "off"] as const;
const INTERVAL = spellDuration(DEFAULT_RETRY_POLICY.intervalMs);
const WINDOW = spellDuration(DEFAULT_RETRY_POLICY.windowMs);

const SHOW_KEY = flag("--show-key", "show the auth key, and secrets in the URL, instead of masking them");

const SETTINGS_FLAGS = {
  name: value("--name <name>", "1 to 50 characters, unique; messages name it as their callbackId", parseCallbackName),
  url: value("--url <url>", "where responses are POSTed", parseCallbackUrl("--url")),
  email: value("--email <address>", "who gets the e-mail about an outage", String),
  retries: choice("--retries <on|off>", `retry failed calls about every ${INTERVAL} for ${WINDOW}`, ON_OFF),
  contentType: choice("--content-type <type>", "json or xml", ["json", "xml"]),
  removeHtml: choice("--remove-html <on|off>", "strip HTML tags from the content", ON_OFF),
  auth: choice("--auth <type>", "how the key is sent: queryparam, httpheader, basicauth or bearertoken", [
    "queryparam",
    "httpheader",
    "basicauth",
    "bearertoken",
  ]),
  replies: choice("--replies <on|off>", "deliver replies", ON_OFF),
  undeliverable: choice("--undeliverable <on|off>", "deliver notices that a message was undeliverable", ON_OFF),
};

const SIGNING = "sign deliveries, as Standard Webhooks says: on makes a secret, which is shown once";

const FLAGS = {
  list: { showKey: SHOW_KEY, output: OUTPUT, columns: COLUMNS, json: jsonFlag(CALLBACK_FIELDS) },
  get: { showKey: SHOW_KEY, output: OUTPUT_TEXT_JSON, json: jsonFlag(CALLBACK_FIELDS) },
  create: { ...SETTINGS_FLAGS, signing: choice("--signing <on|off>", SIGNING, ON_OFF), output: OUTPUT_TEXT_JSON },
  update: {
    ...SETTINGS_FLAGS,
    signing: choice("--signing <on|off|new>", `${SIGNING}; new replaces it`, [...ON_OFF, "new"]),
    newKey: flag("--new-key", "replace the key: from WHCB_CALLBACK_KEY or a prompt, or generated and shown once"),
    output: OUTPUT_TEXT_JSON,
  },
  pause: {
    duration: value(
      "--for <duration>",
      "resume it by itself after this long; otherwise `whcb callbacks resume` does",
      parsePause,
    ),
  },
  resume: {},
  delete: { yes: YES },
};
export type CallbacksFlags = typeof FLAGS;

function parsePause(text: string): number {
  const duration = parsePositiveDuration(text);
  if (duration > LONGEST_PAUSE_MS) throw new Error("must be at most 365d: without --for, a pause has no end");
  return duration;
}

export const CALLBACKS: GroupBody = {
  commands: [
    command({
      name: "list",
      summary: "list the callbacks",
      flags: FLAGS.list,
      examples: [
        ["whcb callbacks list", "all of them"],
        ["whcb callbacks list -o json", "for a script; secrets are masked"],
      ],
      load: async () => ({ run: (await import("./run.js")).listCallbacks }),
    }),
    command({
      name: "get",
      aliases: ["show"],
      operands: [["<callback>", "id or name"]],
      summary: "show one callback's settings",
      flags: FLAGS.get,
      examples: [
        ["whcb callbacks get demo", "its settings, with its secrets masked"],
        ["whcb callbacks get demo --show-key", "with its secrets"],
      ],
      load: async () => ({ run: (await import("./run.js")).getCallback }),
    }),
    command({
      name: "create",
      summary: "register an endpoint",
      details:
        "The service sends one GET to the URL, with the callback's auth, and requires status 200. Defaults: json, both events, retries\noff, HTML kept, auth httpheader. The key comes from WHCB_CALLBACK_KEY or a prompt; otherwise one is generated and shown once.",
      flags: FLAGS.create,
      examples: [
        ["whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com", "only what is required"],
        [
          "whcb callbacks create --name crm --url https://crm.example.com/hook --email ops@example.com --retries on",
          "with retries",
        ],
      ],
      load: async () => ({ run: (await import("./run.js")).createCallback }),
    }),
    command({
      name: "update",
      operands: [["<callback>", "id or name"]],
      summary: "change the settings given as flags, and no others",
      details: `Switching retries on retries calls at once that first failed within the last ${WINDOW}; switching them off cancels the retries that
were scheduled. A new URL, auth or content type is used from the next attempt. A new URL is checked from here with one GET, and a
warning is printed unless it answers 200: the service doesn't check it. The key goes with it: a warning names a new scheme, host or port
that gets it. With --signing new, deliveries are signed with the secret before it too, for 24 hours.`,
      flags: FLAGS.update,
      examples: [
        ["whcb callbacks update demo --retries on", "switch retries on"],
        ["whcb callbacks update demo --url https://new.example.com/hook", "the endpoint has moved"],
      ],
      load: async () => ({ run: (await import("./run.js")).updateCallback }),
    }),
    command({
      name: "pause",
      operands: [["<callback>", "id or name"]],
      summary: "send nothing to a callback, for planned maintenance; `whcb serve` only",
      details: `Responses are accepted and wait: no attempt, no outage and no e-mail. Retries and requested replays wait too, but the ${WINDOW} in which a
failed call is retried go on. At the end, what has waited is sent with one request at a time at first. A second pause replaces the
first. Replays from here ask first.`,
      flags: FLAGS.pause,
      examples: [
        ["whcb callbacks pause demo --for 2h", "for two hours"],
        ["whcb callbacks pause demo", "until it is resumed"],
      ],
      load: async () => ({ run: (await import("./pause.js")).pauseCallback }),
    }),
    command({
      name: "resume",
      operands: [["<callback>", "id or name"]],
      summary: "end the pause of a callback, and send what has waited",
      flags: FLAGS.resume,
      examples: [["whcb callbacks resume demo", "the maintenance is over"]],
      load: async () => ({ run: (await import("./pause.js")).resumeCallback }),
    }),
    command({
      name: "delete",
      operands: [["<callback>", "id or name"]],
      summary: "delete a callback and cancel what is still to be sent to it",
      flags: FLAGS.delete,
      examples: [
        ["whcb callbacks delete demo", "asks first"],
        ["whcb callbacks delete demo --yes", "in a script"],
      ],
      load: async () => ({ run: (await import("./run.js")).deleteCallback }),
    }),
  ],
  examples: [
    ["whcb callbacks list", "all of them"],
    ["whcb callbacks update demo --retries on", "switch retries on"],
  ],
};
