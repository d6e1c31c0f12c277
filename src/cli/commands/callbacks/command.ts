import type { GroupSpec } from "../../args/command-spec.js";
import { COLUMNS, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/output-flags.js";
import { YES } from "../../output/confirm.js";
import {
  AUTH,
  CONTENT_TYPE,
  EMAIL,
  NAME,
  NEW_KEY,
  REMOVE_HTML,
  REPLIES,
  RETRIES,
  SHOW_KEY,
  UNDELIVERABLE,
  URL_FLAG,
} from "./callback-flags.js";

const SETTINGS_FLAGS = [NAME, URL_FLAG, EMAIL, RETRIES, CONTENT_TYPE, REMOVE_HTML, AUTH, REPLIES, UNDELIVERABLE] as const;

export const CALLBACKS: GroupSpec = {
  name: "callbacks",
  summary: "the registered endpoints: where responses go, how, and who is told of an outage",
  commands: [
    {
      name: "list",
      summary: "list the callbacks",
      flags: [OUTPUT, COLUMNS],
      examples: [
        ["whcb callbacks list", "all of them"],
        ["whcb callbacks list -o json", "for a script; keys are masked"],
      ],
      load: async () => ({ run: (await import("./callbacks-read.js")).listCallbacks }),
    },
    {
      name: "get",
      operands: [["<callback>", "id or name"]],
      summary: "show one callback's settings",
      flags: [SHOW_KEY, OUTPUT_TEXT_JSON],
      examples: [
        ["whcb callbacks get demo", "its settings, the key masked"],
        ["whcb callbacks get demo --show-key", "with the key"],
      ],
      load: async () => ({ run: (await import("./callbacks-read.js")).getCallback }),
    },
    {
      name: "create",
      summary: "register an endpoint",
      details:
        "The service GETs the URL once, with the callback's auth, and wants exactly 200. Left out: json, both events, retries off,\nmarkup kept, auth httpheader. The key comes from WHCB_CALLBACK_KEY, from a prompt on a terminal, or is made up and shown once.",
      flags: [...SETTINGS_FLAGS, OUTPUT_TEXT_JSON],
      examples: [
        ["whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com", "the least it needs"],
        [
          "whcb callbacks create --name crm --url https://crm.example.com/hook --email ops@example.com --retries on",
          "with retries",
        ],
      ],
      load: () => import("./callbacks-create.js"),
    },
    {
      name: "update",
      operands: [["<callback>", "id or name"]],
      summary: "change settings; what isn't named stays",
      details:
        "Retries switched on: what failed inside its 24 hours is retried at once. Switched off: what was due is cancelled.\nA new URL, auth or content type is used from the next attempt.",
      flags: [...SETTINGS_FLAGS, NEW_KEY, OUTPUT_TEXT_JSON],
      examples: [
        ["whcb callbacks update demo --retries on", "the switch that matters"],
        ["whcb callbacks update demo --url https://new.example.com/hook", "the endpoint has moved"],
      ],
      load: () => import("./callbacks-update.js"),
    },
    {
      name: "delete",
      operands: [["<callback>", "id or name"]],
      summary: "remove a callback; what waits for it is cancelled",
      flags: [YES],
      examples: [
        ["whcb callbacks delete demo", "asks first"],
        ["whcb callbacks delete demo --yes", "in a script"],
      ],
      load: () => import("./callbacks-delete.js"),
    },
  ],
  examples: [
    ["whcb callbacks list", "all of them"],
    ["whcb callbacks update demo --retries on", "the switch that matters"],
  ],
};
