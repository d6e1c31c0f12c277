import { command, type GroupBody } from "../../args/command-spec.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, OUTPUT } from "../../args/shared-flags.js";
import { PROFILE_FIELDS } from "../../output/json-fields.js";
import { YES } from "../../output/questions.js";

const LIST_FLAGS = { output: OUTPUT, columns: COLUMNS, json: jsonFlag(PROFILE_FIELDS) };
export type ProfilesListFlags = typeof LIST_FLAGS;

export const PROFILES: GroupBody = {
  commands: [
    command({
      name: "list",
      summary: "list the profiles",
      flags: LIST_FLAGS,
      examples: [["whcb profiles list", "names, addresses, and which one is current"]],
      load: async () => ({ run: (await import("./run.js")).listProfiles }),
    }),
    {
      name: "use",
      operands: [["<profile>", "its name"]],
      summary: "make a profile the current one",
      flags: {},
      examples: [["whcb profiles use prod", "the next commands use it"]],
      load: async () => ({ run: (await import("./run.js")).useProfile }),
    },
    {
      name: "remove",
      operands: [["<profile>", "its name"]],
      summary: "remove a profile and its credentials",
      flags: { yes: YES },
      examples: [["whcb profiles remove old", "asks, then deletes it and its credentials"]],
      load: async () => ({ run: (await import("./run.js")).removeProfile }),
    },
  ],
  examples: [["whcb profiles use prod", "the next commands use it"]],
};
