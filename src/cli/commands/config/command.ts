import type { GroupBody } from "../../args/command-spec.js";
import { jsonFlag } from "../../args/json-flag.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { SETTING_FIELDS } from "../../output/json-fields.js";
import { SETTABLE } from "../../settings/settings-file.js";

export const CONFIG: GroupBody = {
  commands: [
    {
      name: "get",
      operands: [["[name]", `one of: profile, ${SETTABLE.join(", ")}`, { choices: ["profile", ...SETTABLE] }]],
      summary: "show settings and where they came from; secrets are masked",
      flags: { output: OUTPUT_TEXT_JSON, json: jsonFlag(SETTING_FIELDS) },
      examples: [
        ["whcb config get", "all of them"],
        ["whcb config get url", "one"],
      ],
      load: async () => ({ run: (await import("./run.js")).getConfig }),
    },
    {
      name: "set",
      operands: [
        ["<name>", `one of: ${SETTABLE.join(", ")}; password and apiKey only with -`, { choices: SETTABLE }],
        ["<value>", 'the value; "" removes it; - reads it from stdin or a prompt', { mayBeEmpty: true }],
      ],
      summary: "change a setting of the profile",
      flags: {},
      examples: [
        ["whcb config set callback demo", "the default callback"],
        ["whcb config set timezone Australia/Sydney", "the time zone of the platform's dates"],
        ["whcb config set country AU", "the country of mobile numbers in local form, for reconcile"],
        ["whcb config set rate 10/s", "what the plan allows"],
        ["whcb config set password - < password.txt", "secrets come from stdin or a prompt"],
      ],
      load: async () => ({ run: (await import("./run.js")).setConfig }),
    },
    {
      name: "path",
      summary: "print the settings file's path",
      flags: {},
      examples: [["whcb config path", "where it is"]],
      load: async () => ({ run: (await import("./run.js")).printPath }),
    },
  ],
  examples: [["whcb config get", "what is in force, and where it came from"]],
};
