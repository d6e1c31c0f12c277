import { spellDuration } from "../../../domain/duration.js";
import { DEFAULT_RETRY_POLICY } from "../../../domain/retry-policy.js";
import type { CallbackChanges, RequiredMember } from "../../../wire/json/callback-json.js";
import type { GroupBody } from "../../args/command-spec.js";
import { choice, flag, type ParsedArgs, value } from "../../args/flag.js";
import { parseCallbackName, parseCallbackUrl } from "../../args/flag-values.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { CALLBACK_FIELDS } from "../../output/json-fields.js";
import { YES } from "../../output/questions.js";

const ON_OFF = ["on", "off"] as const;
const INTERVAL = spellDuration(DEFAULT_RETRY_POLICY.intervalMs);
const WINDOW = spellDuration(DEFAULT_RETRY_POLICY.windowMs);

export const NAME = value("--name <name>", "1 to 50 characters, unique; messages name it as their callbackId", parseCallbackName);
export const URL_FLAG = value("--url <url>", "where responses are POSTed", parseCallbackUrl("--url"));
export const EMAIL = value("--email <address>", "who gets the e-mail about an outage", String);
const RETRIES = choice("--retries <on|off>", `retry failed calls about every ${INTERVAL} for ${WINDOW}`, ON_OFF);
const CONTENT_TYPE = choice("--content-type <type>", "json or xml", ["json", "xml"]);
const REMOVE_HTML = choice("--remove-html <on|off>", "strip HTML tags from the content", ON_OFF);
const AUTH = choice("--auth <type>", "how the key is sent: queryparam, httpheader, basicauth or bearertoken", [
  "queryparam",
  "httpheader",
  "basicauth",
  "bearertoken",
]);
const REPLIES = choice("--replies <on|off>", "deliver replies", ON_OFF);
const UNDELIVERABLE = choice("--undeliverable <on|off>", "deliver notices that a message was undeliverable", ON_OFF);
export const NEW_KEY = flag("--new-key", "replace the key: from WHCB_CALLBACK_KEY or a prompt, or generated and shown once");
export const SHOW_KEY = flag("--show-key", "show the auth key, and secrets in the URL, instead of masking them");

const SETTINGS_FLAGS = {
  name: NAME,
  url: URL_FLAG,
  email: EMAIL,
  retries: RETRIES,
  contentType: CONTENT_TYPE,
  removeHtml: REMOVE_HTML,
  auth: AUTH,
  replies: REPLIES,
  undeliverable: UNDELIVERABLE,
};

export const CALLBACKS: GroupBody = {
  commands: [
    {
      name: "list",
      summary: "list the callbacks",
      flags: { showKey: SHOW_KEY, output: OUTPUT, columns: COLUMNS, json: jsonFlag(CALLBACK_FIELDS) },
      examples: [
        ["whcb callbacks list", "all of them"],
        ["whcb callbacks list -o json", "for a script; secrets are masked"],
      ],
      load: async () => ({ run: (await import("./run.js")).listCallbacks }),
    },
    {
      name: "get",
      operands: [["<callback>", "id or name"]],
      summary: "show one callback's settings",
      flags: { showKey: SHOW_KEY, output: OUTPUT_TEXT_JSON, json: jsonFlag(CALLBACK_FIELDS) },
      examples: [
        ["whcb callbacks get demo", "its settings, with its secrets masked"],
        ["whcb callbacks get demo --show-key", "with its secrets"],
      ],
      load: async () => ({ run: (await import("./run.js")).getCallback }),
    },
    {
      name: "create",
      summary: "register an endpoint",
      details:
        "The service sends one GET to the URL, with the callback's auth, and requires status 200. Defaults: json, both events, retries\noff, HTML kept, auth httpheader. The key comes from WHCB_CALLBACK_KEY or a prompt; otherwise one is generated and shown once.",
      flags: { ...SETTINGS_FLAGS, output: OUTPUT_TEXT_JSON },
      examples: [
        ["whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com", "only what is required"],
        [
          "whcb callbacks create --name crm --url https://crm.example.com/hook --email ops@example.com --retries on",
          "with retries",
        ],
      ],
      load: async () => ({ run: (await import("./run.js")).createCallback }),
    },
    {
      name: "update",
      operands: [["<callback>", "id or name"]],
      summary: "change the settings given as flags, and no others",
      details: `Switching retries on retries calls at once that first failed within the last ${WINDOW}; switching them off cancels the retries that
were scheduled. A new URL, auth or content type is used from the next attempt. A new URL is checked from here with one GET, and a
warning is printed unless it answers 200: the service doesn't check it. The key goes with it: a warning names a new scheme, host or port
that gets it.`,
      flags: { ...SETTINGS_FLAGS, newKey: NEW_KEY, output: OUTPUT_TEXT_JSON },
      examples: [
        ["whcb callbacks update demo --retries on", "switch retries on"],
        ["whcb callbacks update demo --url https://new.example.com/hook", "the endpoint has moved"],
      ],
      load: async () => ({ run: (await import("./run.js")).updateCallback }),
    },
    {
      name: "delete",
      operands: [["<callback>", "id or name"]],
      summary: "delete a callback and cancel what is still to be sent to it",
      flags: { yes: YES },
      examples: [
        ["whcb callbacks delete demo", "asks first"],
        ["whcb callbacks delete demo --yes", "in a script"],
      ],
      load: async () => ({ run: (await import("./run.js")).deleteCallback }),
    },
  ],
  examples: [
    ["whcb callbacks list", "all of them"],
    ["whcb callbacks update demo --retries on", "switch retries on"],
  ],
};

export function readSettingFlags(args: ParsedArgs): CallbackChanges {
  const isOn = (text: "on" | "off" | undefined): boolean | undefined => (text === undefined ? undefined : text === "on");
  return {
    name: args.get(NAME),
    url: args.get(URL_FLAG),
    email: args.get(EMAIL),
    contentType: args.get(CONTENT_TYPE),
    authType: args.get(AUTH),
    retriesEnabled: isOn(args.get(RETRIES)),
    removeHtml: isOn(args.get(REMOVE_HTML)),
    reply: isOn(args.get(REPLIES)),
    undeliverable: isOn(args.get(UNDELIVERABLE)),
  };
}

export const FLAG_OF_MEMBER = {
  name: "--name",
  url: "--url",
  email: "--email",
  contentType: "--content-type",
  "auth.type": "--auth",
} as const satisfies Record<RequiredMember, string>;
