import type { AddressRule } from "../../delivery/address-rule.js";
import { quoteWord } from "../../domain/command-line.js";
import type { DeliveryRequest } from "../../wire/delivery-request.js";
import type { RunControl } from "../run-deps.js";
import type { ReplayOptions } from "../run-options.js";
import { targetOf } from "../run-replay.js";
import type { ReplayPlan } from "./replay-plan.js";

export interface PreviewedRequest {
  readonly callbackId: string;
  readonly callId: string;
  readonly request: DeliveryRequest;
  /** Must not be shown; "" for none. */
  readonly secret: string;
}

/** For a key that the service doesn't return. */
const UNKNOWN_KEY = "WHCB-CALLBACK-KEY";

export async function* previewReplay(
  plan: ReplayPlan,
  options: ReplayOptions & Pick<RunControl, "keys">,
  rule: AddressRule,
): AsyncGenerator<PreviewedRequest> {
  for (const group of plan.groups) {
    const { callback } = group;
    const keys = new Map([[callback.id, options.keys?.get(callback.id) || UNKNOWN_KEY]]);
    const { build, secret } = targetOf(callback, { ...options, keys }, rule);
    for await (const call of plan.read(group)) {
      const body = Buffer.from(await call.readBody()).toString("utf8");
      yield { callbackId: callback.id, callId: call.id, request: build({ id: call.id, body }), secret };
    }
  }
}

/** `secret` becomes "$WHCB_CALLBACK_KEY". Curl gets the URL as parsed here, as it reads a backslash otherwise, and expands braces. */
export function toCurl({ method, url, headers, body }: DeliveryRequest, secret = ""): string {
  const parsed = new URL(url);
  // A delivery doesn't send these either.
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  const words = ["curl", "--globoff", "--request", method, "--url", quoted(parsed.href, secret)];
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoted(`${name}: ${value}`, secret));
  // --data would read a body that begins with @ as a file name.
  if (body !== null) words.push("--data-raw", quoted(body, ""));
  return words.join(" ");
}

function quoted(text: string, secret: string): string {
  if (secret === "") return quoteWord(text);
  // In a URL the key is percent-encoded; the variable isn't, which only differs for unusual keys.
  const encoded = encodeURIComponent(secret);
  // A parsed URL's query has %27 for an apostrophe.
  const spellings = [secret, encoded, encoded.replaceAll("'", "%27")];
  const parts = spellings.reduce((pieces, spelling) => pieces.flatMap((piece) => piece.split(spelling)), [text]);
  return parts.map((part) => (part === "" ? "" : quoteWord(part))).join('"$WHCB_CALLBACK_KEY"') || "''";
}
