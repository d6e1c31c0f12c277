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
): AsyncGenerator<PreviewedRequest> {
  for (const group of plan.groups) {
    const { callback } = group;
    const keys = new Map([[callback.id, options.keys?.get(callback.id) || UNKNOWN_KEY]]);
    const { build, secret } = targetOf(callback, { ...options, keys });
    for await (const call of plan.read(group)) {
      const body = Buffer.from(await call.readBody()).toString("utf8");
      yield { callbackId: callback.id, callId: call.id, request: build({ id: call.id, body }), secret };
    }
  }
}

/** `secret` becomes "$WHCB_CALLBACK_KEY". */
export function toCurl({ method, url, headers, body }: DeliveryRequest, secret = ""): string {
  const words = ["curl", "--request", method, "--url", quoted(url, secret)];
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoted(`${name}: ${value}`, secret));
  // --data would read a body that begins with @ as a file name.
  if (body !== null) words.push("--data-raw", quoted(body, ""));
  return words.join(" ");
}

function quoted(text: string, secret: string): string {
  if (secret === "") return quoteWord(text);
  // In a URL the key is percent-encoded; the variable isn't, which only differs for unusual keys.
  const parts = text.split(secret).flatMap((part) => part.split(encodeURIComponent(secret)));
  return parts.map((part) => (part === "" ? "" : quoteWord(part))).join('"$WHCB_CALLBACK_KEY"') || "''";
}
