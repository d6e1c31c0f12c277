import { command } from "../../args/command-spec.js";
import { flag, value } from "../../args/flag.js";

const FLAGS = {
  name: value("--name <profile>", "the profile's name (default: made from the host or file)", String),
  username: value("--username <name>", "the user (default: WHCB_USERNAME, then a prompt)", String),
  keepCurrent: flag("--keep-current", "don't make it the current profile"),
};
export type LoginFlags = typeof FLAGS;

export const LOGIN = command({
  operands: [["[service]", "its URL, or a database file"]],
  details: `On a terminal it asks for what is missing; otherwise user, password and API key come from WHCB_USERNAME, WHCB_PASSWORD and
WHCB_API_KEY. They are tried against the service before they are stored (0600), and are sent to this service only.
A database file needs none.`,
  flags: FLAGS,
  examples: [
    ["whcb login https://api.au.whispir.com", "asks for user, password and API key"],
    ["whcb login --name prod https://api.au.whispir.com", "choose the profile's name"],
    ["whcb login ./x.db", "work on a file, without a server"],
  ],
  load: () => import("./run.js"),
});
