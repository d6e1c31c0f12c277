/** Going on with a run, and what the receiver has already. */
import { choiceOr, type Flag, flag, value } from "../../args/flag.js";
/** With or without a run's id: "" is without. */
export const RESUME: Flag<string | undefined> = {
  syntax: "--resume [run]",
  summary: "finish a run that was cut (the latest one, or this one)",
  read: (raw) => (raw === true ? "" : typeof raw === "string" ? raw : undefined),
};
export const RESEND_UNKNOWN = flag("--resend-unknown", "with --resume: send again what may have arrived already");
export const SEEN = value("--seen <file>", "ids that your system has, one a line; - for stdin", String);
export const BY = choiceOr("--by <what>", "what the ids are: message or call", "message", ["message", "call"]);
