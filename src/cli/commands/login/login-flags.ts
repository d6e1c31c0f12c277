/** What `login` is told. */
import { flag, value } from "../../args/flag.js";
export const LOGIN_NAME = value("--name <profile>", "the profile's name (default: made from the host or file)", String);
export const USERNAME = value("--username <name>", "else WHCB_USERNAME, or a prompt", String);
export const KEEP_CURRENT = flag("--keep-current", "don't make it the current profile");
