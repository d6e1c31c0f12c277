import { command, type GroupBody } from "../../args/command-spec.js";
import { flag } from "../../args/flag.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, DATABASE, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { USER_FIELDS } from "../../output/json-fields.js";
import { YES } from "../../output/questions.js";

const PASSWORD_STDIN = flag("--password-stdin", "read the password from stdin instead of asking for it");
const USER = ["<user>", "the user's name"] as const;
const DETAILS = `It works on the database itself, beside a running serve or without one: the API has no such request. A running serve
applies it within a second.`;
const PASSWORD =
  "On a terminal it asks for the password; otherwise it comes from WHCB_NEW_PASSWORD or, with --password-stdin, from stdin. It has at least 12 characters.";

const FLAGS = {
  list: { database: DATABASE, output: OUTPUT, columns: COLUMNS, json: jsonFlag(USER_FIELDS) },
  add: { database: DATABASE, passwordStdin: PASSWORD_STDIN, output: OUTPUT_TEXT_JSON },
  remove: { database: DATABASE, yes: YES },
  passwd: {
    database: DATABASE,
    passwordStdin: PASSWORD_STDIN,
    newKey: flag("--new-key", "replace the API key too, and show the new one once"),
    output: OUTPUT_TEXT_JSON,
  },
};
export type UsersFlags = typeof FLAGS;

export const USERS: GroupBody = {
  commands: [
    command({
      name: "list",
      summary: "list the users of a database",
      details: "A user of origin start was made by serve, from the environment or at its first run; the next start replaces it.",
      flags: FLAGS.list,
      examples: [
        ["whcb users list", "of the database that the profile's serve uses"],
        ["whcb users list --db x.db -o json", "of another one, for a script"],
      ],
      load: async () => ({ run: (await import("./run.js")).listUsers }),
    }),
    command({
      name: "add",
      operands: [USER],
      summary: "add a user with a new API key, which is shown once",
      details: `${PASSWORD}\n\n${DETAILS}`,
      flags: FLAGS.add,
      examples: [
        ["whcb users add ada", "asks for the password"],
        ["whcb users add ci --password-stdin < password.txt", "from a file"],
      ],
      load: async () => ({ run: (await import("./run.js")).addUser }),
    }),
    command({
      name: "remove",
      operands: [USER],
      summary: "remove a user: the password, the API key and all tokens stop working",
      details: DETAILS,
      flags: FLAGS.remove,
      examples: [["whcb users remove ada", "asks, then removes the user"]],
      load: async () => ({ run: (await import("./run.js")).removeUser }),
    }),
    command({
      name: "passwd",
      operands: [USER],
      summary: "change a user's password, which ends all tokens",
      details: `${PASSWORD} A user that serve made stays as changed from then on.\n\n${DETAILS}`,
      flags: FLAGS.passwd,
      examples: [
        ["whcb users passwd ada", "asks for the new password"],
        ["whcb users passwd ada --new-key", "after a laptop was lost: a new API key as well"],
      ],
      load: async () => ({ run: (await import("./run.js")).changePassword }),
    }),
  ],
  examples: [["whcb users list", "of the database that the profile's serve uses"]],
};
