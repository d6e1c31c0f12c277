import type { AddressRule } from "../../delivery/address-rule.js";
import type { KnownRequest } from "../../delivery/curl-command.js";
import type { RunOptions } from "../run-session.js";
import { targetOf } from "../send/send-target.js";
import type { ReplayPlan } from "./replay-plan.js";

export interface PreviewedRequest extends KnownRequest {
  readonly callId: string;
}

/** `UNKNOWN_KEY` stands for a key that the service doesn't return. */
const UNKNOWN_KEY = "WHCB-CALLBACK-KEY";
/** A printed request isn't signed: its signature would be too old soon. */
const UNUSED_SECRET = "WHCB-SIGNING-SECRET";

export async function* previewReplay(plan: ReplayPlan, options: RunOptions, rule: AddressRule): AsyncGenerator<PreviewedRequest> {
  for (const group of plan.groups) {
    const { callback } = group;
    const keys = new Map([[callback.id, options.keys?.get(callback.id) || UNKNOWN_KEY]]);
    const signingSecrets = new Map([[callback.id, UNUSED_SECRET]]);
    const { build, secret } = targetOf(callback, { ...options, keys, signingSecrets }, rule);
    for await (const call of plan.read(group)) {
      const body = Buffer.from(await call.readBody()).toString("utf8");
      const url = options.to ?? callback.url;
      yield { callbackId: callback.id, callId: call.id, request: build({ id: call.id, body }), url, secret };
    }
  }
}
