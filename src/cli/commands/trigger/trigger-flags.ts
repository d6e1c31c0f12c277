/** What `trigger` hands over. */

import { choiceOr, value, valueOr } from "../../args/flag.js";
import { integer, parseRate } from "../../args/numbers.js";
export const COUNT = valueOr("-n, --count <n>", "how many responses", "1", integer(1, 10_000_000));
export const KIND = choiceOr("--kind <kind>", "reply or undeliverable", "reply", ["reply", "undeliverable"]);
export const TRIGGER_CHANNEL = choiceOr("--channel <channel>", "sms, email or voice", "sms", ["sms", "email", "voice"]);
export const CONTENT = value("--content <text>", "what the reply says; {n} is its number", String);
export const RESPONSES_FILE = value("--file <file>", "responses as NDJSON, one call object a line; - for stdin", String);
export const TRIGGER_RATE = value("--rate <n/s>", "hand them over this fast, such as 50/s", parseRate);
