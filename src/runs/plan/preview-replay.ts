/** The requests that a replay would make, for `--print-curl`. */
import type { DeliveryRequest } from "../../wire/delivery-request.js";
import type { ReplayOptions, RunControl } from "../run-options.js";
import { targetOf } from "../send/replay-group.js";
import type { ReplayPlan } from "./replay-plan.js";

export interface PreviewedRequest {
  readonly callbackId: string;
  readonly callId: string;
  readonly request: DeliveryRequest;
  /** What of it isn't to be shown; "" for nothing. */
  readonly secret: string;
}

/** Stands in for a key that isn't known: to look at a request one needs none. */
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
      const body = Buffer.from(call.body).toString("utf8");
      yield { callbackId: callback.id, callId: call.id, request: build({ id: call.id, body }), secret };
    }
  }
}
