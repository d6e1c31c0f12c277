import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import type { Attempt } from "../../../domain/attempt.js";
import { type Call, isErased, isHeld } from "../../../domain/call.js";
import type { Callback } from "../../../domain/callback.js";
import { callbackSecrets, maskAnswer, secretMask } from "../../../domain/mask.js";
import { senderAddress } from "../../../domain/message-response.js";
import { toIsoDate } from "../../../wire/dates.js";
import { roomToRead } from "../../requests/read-slots.js";
import type { CallPath, RouteContext } from "../../routes/route-context.js";
import type { CallAction } from "../../use-cases/act-on-calls.js";
import { findCall } from "../../use-cases/settle-calls.js";
import { CALL_ACTIONS } from "../call-actions.js";
import { firstFailure, LatestAnswer, Timeline } from "../components/call-attempts.js";
import { CallBadge, causeOf, failureText, maskOutcome, outcomeText, shortCallId } from "../components/call-parts.js";
import { RequestAsSent, requestOf, type ShownRequest } from "../components/call-request.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, Facts, Time } from "../components/data.js";
import { ButtonLink, ButtonRow, CopyButton } from "../components/forms.js";
import { NextAttempt, type Sending, sendingOf } from "../components/next-attempt.js";
import { consolePath } from "../console-path.js";
import { excerpt, shownPart } from "../pretty-body.js";

export interface OneCallView {
  readonly callback: Callback;
  readonly call: Call;
  /** Who has marked the call. It is null if nobody has, or if that isn't known. */
  readonly marker: string | null;
  /** Only the latest attempts are shown. */
  readonly attempts: readonly Attempt[];
  readonly sending: Sending;
  /** It is null if the call was erased. */
  readonly request: ShownRequest | null;
}

const SHOWN_ATTEMPTS = 300;

export function addOneCall(app: FastifyInstance, { deps, lookup }: RouteContext): void {
  const { store } = deps;

  app.get<CallPath>("/console/callbacks/:id/calls/:callId", { config: { isLive: true } }, async (request, reply) => {
    const { params } = request;
    const callback = await lookup.find(params.id);
    const mask = secretMask(callbackSecrets(callback));
    const found = await findCall(deps, callback, params.callId, roomToRead(request, reply));
    const call = maskOutcome(found, mask);
    const recorded = (await store.calls.listAttempts(callback.id, [call.id], SHOWN_ATTEMPTS)).get(call.id) ?? [];
    // A client may report its attempts later.
    const attempts = recorded
      .toSorted((one, other) => one.startedAt - other.startedAt || one.number - other.number)
      .map((attempt) => ({ ...attempt, result: maskAnswer(attempt.result, mask) }));
    const [record] = await store.endpoints.listReports([callback.id]);
    const { part, isWhole } = shownPart(found.response);
    const shown = requestOf(callback, { ...call, response: part }, { ...deps, isWhole });
    const sending = sendingOf(deps, callback, record);
    const marker = (await store.calls.findMarkers(callback.id, [call])).get(call.id) ?? null;
    const view = { callback, call: { ...call, response: part }, marker, attempts, sending, request: shown };
    const title = `Call ${shortCallId(call.id)}`;
    return reply.showPage(callbackPage(callback, record, { title, trail: [], content: <OneCall {...view} /> }));
  });
}

export function OneCall(view: OneCallView): VNode {
  const { callback, call, request } = view;
  return (
    <>
      <div class="call-page" data-live="call">
        <section class="card" aria-label="State">
          <CallFacts {...view} />
          <Actions callbackId={callback.id} call={call} />
        </section>
        <LatestAnswer {...view} />
        <h2>History</h2>
        <Timeline {...view} />
      </div>
      <h2>Request as it is sent</h2>
      {request === null && <p class="muted">Erased with the sender's data.</p>}
      {request !== null && <RequestAsSent shown={request} format={callback.contentType} />}
    </>
  );
}

/** The request has the whole text. */
const SHOWN_TEXT = 320;

function CallFacts(view: OneCallView): VNode {
  const { call, marker } = view;
  const { response, acceptedAt, attemptCount } = call;
  const { content } = response.responseMessage;
  const failure = firstFailure(view);
  return (
    <>
      <p class="call-state">
        <CallBadge call={call} /> <strong>{reasonText(call, marker)}</strong>
      </p>
      {content !== "" && (
        <p class="call-text" dir="auto">
          <q>{excerpt(content, SHOWN_TEXT)}</q>
        </p>
      )}
      <Facts
        facts={[
          ["Next attempt", <NextAttempt call={call} sending={view.sending} />, "wide"],
          ["Arrived", <Time at={acceptedAt} />],
          failure === null ? ["First failed", "never"] : [failure.what, <Time at={failure.at} />],
          ["Attempts", <Count value={attemptCount} />],
          ["Channel", response.responseMessage.channel || "not known"],
          ["From", senderAddress(response.from) || "not known", "wide"],
          ["Call id", <CopiedId what="call id" id={call.id} />, "wide"],
          ["Message id", <CopiedId what="message id" id={response.messageId} />, "wide"],
        ]}
      />
    </>
  );
}

function CopiedId({ what, id }: { what: string; id: string }): VNode {
  if (id === "") return <>none</>;
  const element = what.replace(" ", "-");
  return (
    <>
      <code id={element}>{id}</code> <CopyButton what={what} of={element} />
    </>
  );
}

/** Says why the call is in its state. */
function reasonText(call: Call, marker: string | null): string {
  const settledBy = settledText(call, marker);
  if (settledBy !== null) return settledBy;
  if (call.status === "PENDING") return "no outcome yet";
  return isHeld(call) && call.attemptCount === 0 ? "no outcome yet: it arrived while the endpoint was down" : outcomeText(call);
}

/** Says who made it SUCCESS, or FAILED by hand. Returns null if nobody did. */
function settledText(call: Call, marker: string | null): string | null {
  if (isErased(call)) return "the sender's data was erased";
  switch (call.settledBy) {
    case "dispatcher":
      return "the endpoint accepted it";
    case "user":
      return `${marker ?? "a user"} marked it ${call.status === "SUCCESS" ? "successful" : "failed"}`;
    case "replay":
      return `a client${marker === null ? "" : ` of ${marker}`} replayed it, and the endpoint accepted it`;
    case null:
      return null;
  }
}

function Actions({ callbackId, call }: { callbackId: string; call: Call }): VNode | null {
  const confirm = (query: Readonly<Record<string, string>>) => {
    return `${consolePath(callbackId, "confirm")}?${new URLSearchParams({ ...query, back: `call:${call.id}` })}`;
  };
  const one = (action: CallAction) => (
    <ButtonLink key={action} href={confirm({ action, call: call.id })} kind={action === "replay" ? "primary" : "secondary"}>
      {CALL_ACTIONS[action].button}
    </ButtonLink>
  );
  if (call.status === "PENDING") return <ButtonRow>{one("success")}</ButtonRow>;
  if (call.status === "SUCCESS") {
    // An endpoint has accepted the first attempt, and nothing was taken for failed.
    const hasNeverFailed = call.settledBy === "dispatcher" && call.firstFailedAt === null;
    return isErased(call) || hasNeverFailed ? null : <ButtonRow>{one("failed")}</ButtonRow>;
  }
  const since = call.firstFailedAt ?? call.attemptedAt;
  const cause = causeOf(call.statusCode, call.error);
  return (
    <>
      <ButtonRow>
        {one("replay")}
        {one("success")}
      </ButtonRow>
      {since !== null && (
        <p class="since-then">
          Replay all that have failed since then (<Time at={since} />
          ):{" "}
          <a href={confirm({ action: "replay", all: "on", since: toIsoDate(since), [cause.field]: cause.value })}>
            with {failureText(call.statusCode, call.error)} only
          </a>{" "}
          · <a href={confirm({ action: "replay", all: "on", since: toIsoDate(since) })}>whatever the reason</a>
        </p>
      )}
    </>
  );
}
