/** The settings of a callback, and what is asked about one. */
import { choice, flag, value } from "../../args/flag.js";

const ON_OFF = ["on", "off"] as const;

export const NAME = value("--name <name>", "1 to 50 characters, unique; what a message names as its callbackId", String);
export const URL_FLAG = value("--url <url>", "where responses are POSTed", String);
export const EMAIL = value("--email <address>", "who is told of an outage", String);
export const RETRIES = choice("--retries <on|off>", "retry what failed, about every 5 minutes for 24 hours", ON_OFF);
export const CONTENT_TYPE = choice("--content-type <type>", "json or xml", ["json", "xml"]);
export const REMOVE_HTML = choice("--remove-html <on|off>", "strip markup from the content", ON_OFF);
export const AUTH = choice("--auth <type>", "how the key is sent: queryparam, httpheader, basicauth or bearertoken", [
  "queryparam",
  "httpheader",
  "basicauth",
  "bearertoken",
]);
export const REPLIES = choice("--replies <on|off>", "deliver replies", ON_OFF);
export const UNDELIVERABLE = choice("--undeliverable <on|off>", "deliver the news that a message was undeliverable", ON_OFF);
export const NEW_KEY = flag("--new-key", "another key: from WHCB_CALLBACK_KEY, a prompt, or made up and shown once");
export const SHOW_KEY = flag("--show-key", "show the auth key instead of masking it");
