/** Replays one callback's calls: by sending them here, or by asking the service to. */
import type { ListedCallback } from "../../client/client.js";
import { WhcbError } from "../../domain/errors.js";
import { addressDelivery, type DeliveryRequest } from "../../wire/delivery-request.js";
import { asWhcbError } from "../expected-error.js";
import type { PlannedCall } from "../plan/replay-plan.js";
import type { ReplayOptions, RunControl } from "../run-options.js";
import type { RunSession } from "../run-session.js";
import { applyToChunk, inChunks } from "./apply-to-chunk.js";
import { Marker } from "./marker.js";
import { sendGroup } from "./send-group.js";

export interface GroupToSend {
  readonly callback: ListedCallback;
  readonly calls: AsyncIterable<PlannedCall>;
}

/** Sends, and marks what is accepted while sending goes on. */
export async function replayHere(
  { callback, calls }: GroupToSend,
  options: ReplayOptions & Pick<RunControl, "keys">,
  session: RunSession,
): Promise<void> {
  const target = targetOf(callback, options);
  const marker = options.mark ? new Marker({ callbackId: callback.id, status: "SUCCESS", from: "accepted" }, session) : null;
  try {
    await sendGroup(
      {
        callbackId: callback.id,
        calls,
        build: target.build,
        secret: target.secret,
        options,
        onAccepted: (callId) => marker?.add(callId),
      },
      session,
    );
  } finally {
    await marker?.finish();
  }
}

/** Asks the service for one attempt of each call. What came of it is for `whcb calls list` to say. */
export async function replayByService(callbackId: string, callIds: AsyncIterable<string>, session: RunSession): Promise<void> {
  const { journal, deps, stop } = session;
  for await (const chunk of inChunks(callIds)) {
    if (stop.reason !== null) return;
    try {
      const at = deps.clock.now();
      journal.append(...chunk.map((call) => ({ step: "sent" as const, call, at })));
      await journal.flushed();
      const outcomes = applyToChunk(
        chunk,
        (ids) => deps.client.requestReplays(callbackId, ids),
        () => deps.client.getCallback(callbackId),
      );
      for await (const outcome of outcomes) {
        if (outcome.kind === "done") session.requested(callbackId, outcome.callIds);
        else session.skipped(callbackId, outcome.callId, "settled");
      }
    } catch (error) {
      stop.stop(journal.failure === null ? "service" : "journal", asWhcbError(error));
    }
  }
}

export interface SendTarget {
  readonly build: <Body>(call: { readonly id: string; readonly body: Body }) => DeliveryRequest<Body>;
  /** The key that the requests carry; "" for none. */
  readonly secret: string;
}

/** Throws `config` where the callback's key is needed and missing. */
export function targetOf(callback: ListedCallback, options: ReplayOptions & Pick<RunControl, "keys">): SendTarget {
  const withAuth = options.to === null || options.withAuth;
  const key = keyOf(callback, options);
  if (withAuth && key === "") {
    throw new WhcbError("config", `the service doesn't tell the key of callback ${callback.name || callback.id}`, {
      hint: "Set WHCB_CALLBACK_KEY to it. Nothing is sent without it.",
    });
  }
  const target = { ...callback, url: options.to ?? callback.url, auth: { ...callback.auth, key } };
  const { authParameter } = options;
  const delivery = { withAuth, ...(authParameter === undefined ? {} : { authParameter }) };
  return { build: (call) => addressDelivery(target, call, delivery), secret: withAuth ? key : "" };
}

/** What the service returns, or else what a person gave; "" where neither is. */
export function keyOf(callback: ListedCallback, { keys }: Pick<RunControl, "keys">): string {
  return callback.auth.key || keys?.get(callback.id) || "";
}
